//! Descriptions of types, by which a heap's file is recognised.
//!
//! A description is text: a line for each type, then one for each of its parts, and so on for the types of these. It lies
//! in the heap beside the root, so that a program with other types can say what it has found there and what it expected.
//!
//! 1. Types are in the order in which they are first mentioned, from the root's on.
//! 2. Two types never have the same name: the second one of a name gets a number.

use core::any::TypeId;
use core::fmt::Write as _;
use std::collections::{HashMap, HashSet};

use super::heap_type::HeapType;
use super::persist::Persist;

/// The types that a root is made of, by name.
#[derive(Debug, Default)]
pub struct Layouts {
    names: HashMap<TypeId, String>,
    taken: HashMap<String, u32>,
    /// The finished descriptions, each at the number of its type.
    texts: Vec<String>,
    /// The heap types of which there are values or pointers.
    heaps: HashSet<TypeId>,
}

/// The parts of one type, as they are told.
#[derive(Debug)]
pub struct Parts<'a> {
    layouts: &'a mut Layouts,
    text: String,
}

impl Layouts {
    /// The description of a root's type; `None` for one that has to do with other heaps than this one.
    pub(super) fn text_of<T: Persist, H: HeapType>() -> Option<String> {
        let mut layouts = Self::default();
        layouts.name_of::<T>();
        let is_ours = |heap: &TypeId| *heap == TypeId::of::<H::In<'static>>();
        layouts.heaps.iter().all(is_ours).then(|| layouts.texts.concat())
    }

    /// Says that values of the type that is being named hold an `H`.
    pub fn holds<H: HeapType>(&mut self) {
        self.heaps.insert(TypeId::of::<H::In<'static>>());
    }

    /// The name of a type that another one has to do with, which is described as well.
    pub fn name_of<T: Persist>(&mut self) -> String {
        let id = TypeId::of::<T::In<'static>>();
        if let Some(name) = self.names.get(&id) {
            return name.clone();
        }
        let plain = T::name(self);
        // A type that is among its own arguments was met again meanwhile.
        if let Some(name) = self.names.get(&id) {
            return name.clone();
        }
        let name = self.make_unique(plain);
        self.names.insert(id, name.clone());
        let number = self.texts.len();
        self.texts.push(String::new());
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name}: {} bytes, aligned to {}", size_of::<T>(), align_of::<T>());
        let mut parts = Parts { layouts: self, text };
        T::describe(&mut parts);
        let text = parts.text;
        self.texts[number] = text;
        name
    }

    fn make_unique(&mut self, plain: String) -> String {
        let count = self.taken.entry(plain.clone()).or_insert(0);
        *count += 1;
        if *count == 1 { plain } else { format!("{plain}#{count}") }
    }
}

impl Parts<'_> {
    /// A field at so many bytes from the value's start.
    pub fn field<T: Persist>(&mut self, name: &str, offset: usize) {
        let of = self.layouts.name_of::<T>();
        let _ = writeln!(self.text, "  +{offset} {name}: {of}");
    }

    /// A variant, whose fields are told next; `tag` says how it is recognised.
    pub fn variant(&mut self, name: &str, tag: i128) {
        let _ = writeln!(self.text, "  {name} = {tag}");
    }

    /// Anything else by which bytes of one layout differ from those of another: the version of a format, a node's size.
    pub fn remark(&mut self, remark: &str) {
        debug_assert!(!remark.contains('\n'));
        let _ = writeln!(self.text, "  {remark}");
    }

    /// A type whose values the value owns elsewhere, so that it is described too.
    pub fn owns<T: Persist>(&mut self) {
        let of = self.layouts.name_of::<T>();
        let _ = writeln!(self.text, "  owns {of}");
    }
}
