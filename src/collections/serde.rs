//! Collections written and read through serde (feature `serde`).
//!
//! They are written as the standard library's. To be read they need the heap's token: [`SeedIn`] carries it, and
//! [`DeserializeIn`] is what takes it. Where the heap has no memory, reading ends with an error.

use core::fmt;
use core::hash::Hash;
use core::marker::PhantomData;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{PBTreeMap, PBTreeSet, PHashMap, PHashSet, PSkipMap, PString, PVec, PVecDeque};
use crate::handle::AllocError;
use crate::typed::HeapType;

/// `Deserialize` for what may own blocks of a heap. Everything that is `Deserialize` is also this.
pub trait DeserializeIn<'de, H: HeapType>: Sized {
    /// Reads a value, whose blocks are the heap's.
    ///
    /// # Errors
    /// Those of the format, and one where the heap has no memory.
    fn deserialize_in<D: Deserializer<'de>>(heap: H, from: D) -> Result<Self, D::Error>;
}

/// Reads a `T` with the heap's token: a [`DeserializeSeed`].
#[derive(Clone, Copy, Debug)]
pub struct SeedIn<T, H>(H, PhantomData<T>);

impl<T, H: HeapType> SeedIn<T, H> {
    /// What reads a `T` into this heap.
    pub const fn new(heap: H) -> Self {
        Self(heap, PhantomData)
    }
}

impl<'de, T: DeserializeIn<'de, H>, H: HeapType> DeserializeSeed<'de> for SeedIn<T, H> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<T, D::Error> {
        T::deserialize_in(self.0, from)
    }
}

impl<'de, T: Deserialize<'de>, H: HeapType> DeserializeIn<'de, H> for T {
    fn deserialize_in<D: Deserializer<'de>>(_heap: H, from: D) -> Result<Self, D::Error> {
        T::deserialize(from)
    }
}

impl<H: HeapType> Serialize for PString<H> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self)
    }
}

impl<'de, H: HeapType> DeserializeIn<'de, H> for PString<H> {
    fn deserialize_in<D: Deserializer<'de>>(heap: H, from: D) -> Result<Self, D::Error> {
        struct Text<H>(H);

        impl<H: HeapType> Visitor<'_> for Text<H> {
            type Value = PString<H>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<PString<H>, E> {
                PString::try_from_str_in(text, self.0).map_err(E::custom)
            }
        }

        from.deserialize_str(Text(heap))
    }
}

macro_rules! sequences {
    ($($name:ident [$($bound:tt)*] |$into:ident, $value:ident| $put:expr;)*) => {$(
        impl<T: Serialize, H: HeapType> Serialize for $name<T, H> {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_seq(self)
            }
        }

        impl<'de, T: DeserializeIn<'de, H> $($bound)*, H: HeapType> DeserializeIn<'de, H> for $name<T, H> {
            fn deserialize_in<D: Deserializer<'de>>(heap: H, from: D) -> Result<Self, D::Error> {
                struct Elements<T, H>(H, PhantomData<T>);

                impl<'de, T: DeserializeIn<'de, H> $($bound)*, H: HeapType> Visitor<'de> for Elements<T, H> {
                    type Value = $name<T, H>;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a sequence")
                    }

                    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
                        let mut $into = $name::new_in(self.0);
                        while let Some($value) = from.next_element_seed(SeedIn::new(self.0))? {
                            $put.map_err(|_| A::Error::custom(AllocError))?;
                        }
                        Ok($into)
                    }
                }

                from.deserialize_seq(Elements(heap, PhantomData))
            }
        }
    )*};
}

sequences! {
    PVec [] |into, value| into.try_push(value);
    PVecDeque [] |into, value| into.try_push_back(value);
    PHashSet [+ Hash + Eq] |into, value| into.try_insert(value);
    PBTreeSet [+ Ord] |into, value| into.try_insert(value);
}

impl<K: Serialize, V: Serialize, H: HeapType> Serialize for PHashMap<K, V, H> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self)
    }
}

impl<K: Serialize, V: Serialize, H: HeapType> Serialize for PBTreeMap<K, V, H> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self)
    }
}

/// The entries are collected first: others may change the map meanwhile, and formats write how many there are before them.
impl<K: Ord + Serialize, V: Serialize, H: HeapType> Serialize for PSkipMap<K, V, H> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let entries = self.iter().collect::<Vec<_>>();
        let mut map = to.serialize_map(Some(entries.len()))?;
        for entry in &entries {
            map.serialize_entry(entry.key(), entry.value())?;
        }
        map.end()
    }
}

macro_rules! maps {
    ($($name:ident [$($bound:tt)*] |$heap:ident| $new:expr, |$into:ident, $key:ident, $value:ident| $put:expr;)*) => {$(
        impl<'de, K, V, H> DeserializeIn<'de, H> for $name<K, V, H>
        where
            K: DeserializeIn<'de, H> + $($bound)*,
            V: DeserializeIn<'de, H>,
            H: HeapType,
        {
            fn deserialize_in<D: Deserializer<'de>>(heap: H, from: D) -> Result<Self, D::Error> {
                struct Entries<K, V, H>(H, PhantomData<(K, V)>);

                impl<'de, K, V, H> Visitor<'de> for Entries<K, V, H>
                where
                    K: DeserializeIn<'de, H> + $($bound)*,
                    V: DeserializeIn<'de, H>,
                    H: HeapType,
                {
                    type Value = $name<K, V, H>;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a map")
                    }

                    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
                        let $heap = self.0;
                        let mut made: Self::Value = $new.map_err(A::Error::custom)?;
                        while let Some(($key, $value)) =
                            from.next_entry_seed(SeedIn::new($heap), SeedIn::new($heap))?
                        {
                            let $into = &mut made;
                            $put.map_err(|_| A::Error::custom(AllocError))?;
                        }
                        Ok(made)
                    }
                }

                from.deserialize_map(Entries(heap, PhantomData))
            }
        }
    )*};
}

maps! {
    PHashMap [Hash + Eq] |heap| Ok::<_, AllocError>(PHashMap::new_in(heap)), |into, key, value| into.try_insert(key, value);
    PBTreeMap [Ord] |heap| Ok::<_, AllocError>(PBTreeMap::new_in(heap)), |into, key, value| into.try_insert(key, value);
    PSkipMap [Ord] |heap| PSkipMap::try_new_in(heap), |into, key, value| into.try_insert(key, value, heap);
}
