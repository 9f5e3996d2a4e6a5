//! Types that cannot live in a heap and are known by their look, with what to use instead.
//!
//! Others are refused by the trait, which says less. A type of the program's own that has the name of one of these, and as many
//! arguments, has to be renamed.

use syn::visit::Visit;
use syn::{Error, GenericArgument, PathArguments, Type, TypePath};

/// Refuses the type of a field, `place`.
pub(crate) fn check(place: &str, field: &Type) -> syn::Result<()> {
    let mut refusals = Refusals { place, found: None };
    refusals.visit_type(field);
    refusals.found.map_or(Ok(()), Err)
}

struct Refusals<'a> {
    place: &'a str,
    found: Option<Error>,
}

impl Refusals<'_> {
    fn refuse(&mut self, at: &impl quote::ToTokens, what: &str) {
        let error = Error::new_spanned(at, format!("{}: {what}", self.place));
        match &mut self.found {
            None => self.found = Some(error),
            Some(found) => found.combine(error),
        }
    }
}

impl Visit<'_> for Refusals<'_> {
    fn visit_type(&mut self, field: &Type) {
        let what = match field {
            Type::Reference(_) => {
                "a reference is an address, which is another in the next run: own the value in a `PBox`, or point at it with a `PPtr`"
            }
            Type::Ptr(_) => "a raw pointer is an address, which is another in the next run: use a `PPtr`",
            Type::FnPtr(_) => {
                "a function has another address in the next run: use an enum that names the functions"
            }
            Type::TraitObject(_) => {
                "a trait object finds its functions by addresses, which are others in the next run: use an enum of the types"
            }
            Type::Path(path) => match by_name(path) {
                Some(what) => what,
                None => return syn::visit::visit_type(self, field),
            },
            _ => return syn::visit::visit_type(self, field),
        };
        self.refuse(field, what);
    }
}

/// What is wrong with a type of this name.
fn by_name(path: &TypePath) -> Option<&'static str> {
    let last = path.path.segments.last()?;
    let arguments = match &last.arguments {
        PathArguments::None => 0,
        PathArguments::AngleBracketed(arguments) => {
            arguments.args.iter().filter(|argument| matches!(argument, GenericArgument::Type(_))).count()
        }
        PathArguments::Parenthesized(_) => return None,
    };
    Some(match (last.ident.to_string().as_str(), arguments) {
        ("Box", 1) => "a `Box` owns memory outside of the heap: use a `PBox`",
        ("Rc", 1) => "an `Rc` owns memory outside of the heap: use a `PRc`",
        ("Arc", 1) => "an `Arc` owns memory outside of the heap: use a `PArc`",
        ("Weak", 1) => "a `Weak` refers to memory outside of the heap: use a `PWeak` or a `PArcWeak`",
        ("Cow", 1) => "a `Cow` borrows or owns memory outside of the heap: use a `PString` or a `PVec`",
        ("String", 0) => "a `String` owns memory outside of the heap: use a `PString`, or a `PBox<str, _>`",
        ("PathBuf" | "OsString" | "CString", 0) => {
            "it owns memory outside of the heap: use a `PString` or a `PVec<u8, _>`"
        }
        ("Vec", 1) => "a `Vec` owns memory outside of the heap: use a `PVec`",
        ("VecDeque", 1) => "a `VecDeque` owns memory outside of the heap: use a `PVecDeque`",
        ("BinaryHeap" | "LinkedList", 1) => {
            "it owns memory outside of the heap: use a `PVec` or a `PVecDeque`"
        }
        ("HashMap", 2 | 3) => "a `HashMap` owns memory outside of the heap: use a `PHashMap`",
        ("HashMap", 4) => {
            "a `HashMap` without entries refers to a table that is a part of the program: use a `PHashMap`"
        }
        ("HashSet", 1 | 2) => "a `HashSet` owns memory outside of the heap: use a `PHashMap` to `()`",
        ("HashSet", 3) => {
            "a `HashSet` without entries refers to a table that is a part of the program: use a `PHashMap` to `()`"
        }
        ("BTreeMap", 2 | 3) => {
            "a `BTreeMap` owns memory that no walk over the heap can see: use a `PBTreeMap`"
        }
        ("BTreeSet", 1 | 2) => {
            "a `BTreeSet` owns memory that no walk over the heap can see: use a `PBTreeMap` to `()`"
        }
        ("Cell" | "RefCell" | "UnsafeCell" | "OnceCell" | "LazyCell", 1) => {
            "a cell changes while a commit looks at it: use the value itself, which a `write` can change, or an atomic"
        }
        ("Mutex" | "RwLock" | "OnceLock" | "LazyLock", 1) => {
            "a lock belongs to the threads of one run: use the value itself, which a `write` has for itself"
        }
        ("Instant", 0) => {
            "an `Instant` is a time of one run: use a `Duration` since an event that you know, or since 1970"
        }
        ("SystemTime", 0) => "a `SystemTime` has another form on each system: use a `Duration` since 1970",
        ("File" | "TcpStream" | "UdpSocket" | "OwnedFd" | "ThreadId" | "TypeId", 0) | ("JoinHandle", 1) => {
            "it belongs to one run of the program: keep by what it can be found again"
        }
        _ => return None,
    })
}
