//! `Persist` for types that own nothing: numbers and the like, and what is made of them.

use core::cmp::Ordering;
use core::marker::PhantomData;
use core::mem::offset_of;
use core::num::NonZero;
use core::time::Duration;

use super::inspect::{Fault, Inspector};
use super::layouts::{Layouts, Parts};
use super::niche::{Niche, Nothing, read};
#[allow(unused_imports, reason = "not all of these types are ordered")]
use super::order::{Probe, Unordered as _};
use super::persist::{Order, Persist};

/// Types of which any bytes are a value.
macro_rules! any_bytes {
    ($($type:ty $(: $scanned:literal)?),* $(,)?) => {$(
        // SAFETY: any bytes are a value, which means the same everywhere; atomics say that they are.
        unsafe impl Persist for $type {
            type In<'h> = Self;
            $(const SCANNED: bool = $scanned;)?

            fn order() -> Option<Order<Self>> {
                Probe::<Self>::new().order()
            }

            fn name(_: &mut Layouts) -> String {
                short_name(stringify!($type)).to_owned()
            }

            unsafe fn inspect(_: *const Self, _: &mut Inspector<'_>) -> Result<(), Fault> {
                Ok(())
            }
        }
    )*};
}

any_bytes!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64, ());
any_bytes!(
    core::sync::atomic::AtomicU8: true,
    core::sync::atomic::AtomicU16: true,
    core::sync::atomic::AtomicU32: true,
    core::sync::atomic::AtomicU64: true,
    core::sync::atomic::AtomicUsize: true,
    core::sync::atomic::AtomicI8: true,
    core::sync::atomic::AtomicI16: true,
    core::sync::atomic::AtomicI32: true,
    core::sync::atomic::AtomicI64: true,
    core::sync::atomic::AtomicIsize: true,
);

/// The last part of a path.
fn short_name(path: &str) -> &str {
    path.rsplit("::").next().unwrap_or(path)
}

/// Types whose values are numbers in a range.
macro_rules! in_range {
    ($($type:ty, $name:expr, $number:ty, $niche:expr, $is_value:expr;)*) => {$(
        // SAFETY: a value is a number in a range, which `inspect` compares it with.
        unsafe impl Persist for $type {
            type In<'h> = Self;
            const NICHE: Niche = $niche;

            fn order() -> Option<Order<Self>> {
                Some(Ord::cmp)
            }

            fn name(_: &mut Layouts) -> String {
                $name.to_owned()
            }

            unsafe fn inspect(at: *const Self, inspector: &mut Inspector<'_>) -> Result<(), Fault> {
                // SAFETY: the caller's promise; the types are as large and aligned.
                let number = unsafe { at.cast::<$number>().read() };
                let is_value: fn($number) -> bool = $is_value;
                if is_value(number) {
                    return Ok(());
                }
                Err(inspector.fault(at, format!("{number:#x} is no `{}`", $name)))
            }
        }
    )*};
}

in_range! {
    bool, "bool", u8, Niche::below(1, 2), |number| number < 2;
    char, "char", u32, Niche::below(4, 0x11_0000), |number| char::from_u32(number).is_some();
    NonZero<u8>, "NonZero<u8>", u8, Niche::not_zero(1), |number| number != 0;
    NonZero<u16>, "NonZero<u16>", u16, Niche::not_zero(2), |number| number != 0;
    NonZero<u32>, "NonZero<u32>", u32, Niche::not_zero(4), |number| number != 0;
    NonZero<u64>, "NonZero<u64>", u64, Niche::not_zero(8), |number| number != 0;
    NonZero<u128>, "NonZero<u128>", u128, Niche::not_zero(16), |number| number != 0;
    NonZero<usize>, "NonZero<usize>", usize, Niche::not_zero(size_of::<usize>()), |number| number != 0;
    NonZero<i8>, "NonZero<i8>", i8, Niche::not_zero(1), |number| number != 0;
    NonZero<i16>, "NonZero<i16>", i16, Niche::not_zero(2), |number| number != 0;
    NonZero<i32>, "NonZero<i32>", i32, Niche::not_zero(4), |number| number != 0;
    NonZero<i64>, "NonZero<i64>", i64, Niche::not_zero(8), |number| number != 0;
    NonZero<i128>, "NonZero<i128>", i128, Niche::not_zero(16), |number| number != 0;
    NonZero<isize>, "NonZero<isize>", isize, Niche::not_zero(size_of::<isize>()), |number| number != 0;
}

/// How two values compare of which the type has an order.
fn compare<T: Persist>((one, other): (&T, &T)) -> Ordering {
    T::order().map_or(Ordering::Equal, |order| order(one, other))
}

/// The first that is not equal, as tuples and arrays have it.
fn each(mut parts: impl Iterator<Item = Ordering>) -> Ordering {
    parts.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

const NANOS: u32 = 0x0a0b_0c0d;
const A_TIME: Duration = Duration::new(0x1122_3344_5566_7788, NANOS);

/// Where the compiler has put a duration's nanoseconds: before the seconds or behind them.
const NANOS_AT: usize = {
    let time = A_TIME;
    let bytes = (&raw const time).cast::<u8>();
    // SAFETY: a duration has 16 bytes, and these are seconds or nanoseconds, whichever comes second.
    if unsafe { read(bytes, 8, 4) } == NANOS as u128 { 8 } else { 0 }
};

const _: () = {
    let time = A_TIME;
    let bytes = (&raw const time).cast::<u8>();
    // SAFETY: inside of the duration.
    let nanos = unsafe { read(bytes, NANOS_AT, 4) };
    assert!(nanos == NANOS as u128 && size_of::<Duration>() == 16 && align_of::<Duration>() == 8);
};

// SAFETY: seconds and nanoseconds, of which only the latter have a bound; where they lie is described.
unsafe impl Persist for Duration {
    type In<'h> = Self;
    const NICHE: Niche = Niche::below(4, 1_000_000_000).moved(NANOS_AT);

    fn order() -> Option<Order<Self>> {
        Some(Ord::cmp)
    }

    fn name(_: &mut Layouts) -> String {
        String::from("Duration")
    }

    fn describe(parts: &mut Parts<'_>) {
        parts.remark(&format!("nanoseconds at +{NANOS_AT}"));
    }

    unsafe fn inspect(at: *const Self, inspector: &mut Inspector<'_>) -> Result<(), Fault> {
        // SAFETY: the caller's promise.
        let nanos = unsafe { read(at.cast(), NANOS_AT, 4) };
        if nanos < 1_000_000_000 {
            return Ok(());
        }
        Err(inspector.fault(at, format!("{nanos} nanoseconds are more than a second")))
    }
}

// SAFETY: no bytes at all.
unsafe impl<T: Persist> Persist for PhantomData<T> {
    type In<'h> = PhantomData<T::In<'h>>;

    fn order() -> Option<Order<Self>> {
        Some(Ord::cmp)
    }

    fn name(layouts: &mut Layouts) -> String {
        format!("PhantomData<{}>", layouts.name_of::<T>())
    }

    unsafe fn inspect(_: *const Self, _: &mut Inspector<'_>) -> Result<(), Fault> {
        Ok(())
    }
}

// SAFETY: values of the type one behind the other; each is inspected.
unsafe impl<T: Persist, const N: usize> Persist for [T; N] {
    type In<'h> = [T::In<'h>; N];
    const SCANNED: bool = T::SCANNED;
    const NICHE: Niche = if N > 0 { T::NICHE } else { Niche::Tagged };

    fn order() -> Option<Order<Self>> {
        T::order()?;
        Some(|one, other| each(one.iter().zip(other).map(compare)))
    }

    fn name(layouts: &mut Layouts) -> String {
        format!("[{}; {N}]", layouts.name_of::<T>())
    }

    unsafe fn inspect(at: *const Self, inspector: &mut Inspector<'_>) -> Result<(), Fault> {
        for index in 0..N {
            // SAFETY: inside of the array.
            let value = unsafe { at.cast::<T>().add(index) };
            // SAFETY: the caller's promise.
            unsafe { T::inspect(value, inspector) }?;
        }
        Ok(())
    }
}

/// How the compiler says `None` of a `T`.
struct Says<T>(PhantomData<T>);

impl<T: Persist> Says<T> {
    const NONE: Nothing = T::NICHE.none_of::<T>();
}

// SAFETY: the tag or the niche is compared with what it can be, and the value with its type's rules if there is one. What the
// compiler has chosen to mean `None` is described.
unsafe impl<T: Persist> Persist for Option<T> {
    type In<'h> = Option<T::In<'h>>;
    const SCANNED: bool = T::SCANNED;
    const NICHE: Niche = match T::NICHE {
        Niche::Tagged => Niche::below(const { Says::<T>::NONE.width }, 2),
        niche => niche.taken(),
    };

    fn order() -> Option<Order<Self>> {
        T::order()?;
        Some(|one, other| match (one, other) {
            (Some(one), Some(other)) => compare((one, other)),
            (one, other) => one.is_some().cmp(&other.is_some()),
        })
    }

    fn name(layouts: &mut Layouts) -> String {
        format!("Option<{}>", layouts.name_of::<T>())
    }

    fn describe(parts: &mut Parts<'_>) {
        let Nothing { offset, width, number } = const { Says::<T>::NONE };
        parts.remark(&format!("+{offset} {number:#x} of {width} bytes: None"));
    }

    unsafe fn inspect(at: *const Self, inspector: &mut Inspector<'_>) -> Result<(), Fault> {
        let none = const { Says::<T>::NONE };
        // SAFETY: the caller's promise; the place is inside of the option.
        let found = unsafe { read(at.cast(), none.offset, none.width) };
        if found == none.number {
            return Ok(());
        }
        if matches!(T::NICHE, Niche::Tagged) && found != 1 {
            return Err(inspector.fault(at, format!("{found:#x} is no tag of an `Option`")));
        }
        // SAFETY: the value ends where the option does.
        let value = unsafe { at.byte_add(size_of::<Self>() - size_of::<T>()) };
        // SAFETY: the caller's promise.
        unsafe { T::inspect(value.cast(), inspector) }
    }
}

macro_rules! tuple {
    ($($type:ident $index:tt),*) => {
        // SAFETY: each field is described and inspected.
        unsafe impl<$($type: Persist),*> Persist for ($($type,)*) {
            type In<'h> = ($($type::In<'h>,)*);
            const SCANNED: bool = $($type::SCANNED)||*;
            const NICHE: Niche =
                Niche::Tagged$(.or($type::NICHE.moved(offset_of!(Self, $index))))*;

            fn order() -> Option<Order<Self>> {
                $($type::order()?;)*
                Some(|one, other| each([$(compare((&one.$index, &other.$index))),*].into_iter()))
            }

            fn name(layouts: &mut Layouts) -> String {
                format!("({})", [$(layouts.name_of::<$type>()),*].join(", "))
            }

            fn describe(parts: &mut Parts<'_>) {
                $(parts.field::<$type>(stringify!($index), offset_of!(Self, $index));)*
            }

            unsafe fn inspect(at: *const Self, inspector: &mut Inspector<'_>) -> Result<(), Fault> {
                $(
                    // SAFETY: inside of the tuple.
                    let field = unsafe { &raw const (*at).$index };
                    // SAFETY: the caller's promise.
                    unsafe { $type::inspect(field, inspector) }?;
                )*
                Ok(())
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, I 7);
