//! What a call answers, and what there is to say about it.

use core::cell::RefCell;
use core::ffi::{CStr, c_char};
use std::ffi::CString;

/// What a call answers.
///
/// Further codes may come: what is not known is a failure.
// cbindgen takes the discriminants from here; they are part of the library's interface and never change.
#[repr(i32)]
#[allow(clippy::enum_variant_names, reason = "in C they are names without an enum around them")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Code {
    /// It was done.
    OutliveOk = 0,
    /// The system, the heap's limit or its reservation has no more memory, or the buffer is too small.
    OutliveNoMemory = 1,
    /// An argument cannot be right: a null pointer, text that is not UTF-8, an address outside of the heap.
    OutliveArgument = 2,
    /// The system refused an operation on a file. The last commit is not affected.
    OutliveFile = 3,
    /// The heap's file is open already, here or in another process.
    OutliveInUse = 4,
    /// The file, its log or the buffer holds no heap, or a damaged one. Nothing was changed.
    OutliveDamaged = 5,
    /// Another version of the library, or one with other features, wrote the file.
    OutliveOtherVersion = 6,
    /// The log that holds the last commits is not there.
    OutliveLogMissing = 7,
    /// The address at which the heap was is taken, and the heap holds absolute pointers.
    OutliveAddressTaken = 8,
    /// An earlier write has failed: open the heap again. Its last commit is whole.
    OutliveFailed = 9,
    /// The heap has no file, or was opened to be read, or by the process of which this one is a fork.
    OutliveNotHere = 10,
    /// There is no root of this name.
    OutliveNoRoot = 11,
    /// The heap's root is not a directory of names: a program wrote it that does without.
    OutliveOtherRoots = 12,
    /// Something else, which the message tells.
    OutliveOther = 13,
}

thread_local! {
    static MESSAGE: RefCell<CString> = RefCell::new(CString::default());
}

/// A code with its message.
#[derive(Debug)]
pub(crate) struct Failure {
    code: Code,
    message: String,
}

impl Failure {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(crate) fn argument(message: &str) -> Self {
        Self::new(Code::OutliveArgument, message)
    }
}

impl From<heap::Error> for Failure {
    fn from(error: heap::Error) -> Self {
        use heap::Error;
        let code = match error {
            Error::NoMemory { .. } | Error::BufferTooSmall { .. } | Error::LimitTooSmall { .. } => {
                Code::OutliveNoMemory
            }
            Error::File { .. } => Code::OutliveFile,
            Error::InUse { .. } => Code::OutliveInUse,
            Error::NotAnImage { .. }
            | Error::Damaged(_)
            | Error::FileDamaged { .. }
            | Error::LogDamaged { .. } => Code::OutliveDamaged,
            Error::OtherVersion { .. } => Code::OutliveOtherVersion,
            Error::LogMissing { .. } => Code::OutliveLogMissing,
            Error::AddressTaken { .. } => Code::OutliveAddressTaken,
            Error::Failed { .. } => Code::OutliveFailed,
            Error::Forked | Error::NoFile | Error::ReadOnly { .. } => Code::OutliveNotHere,
            _ => Code::OutliveOther,
        };
        Self::new(code, error.to_string())
    }
}

impl From<heap::AllocError> for Failure {
    fn from(error: heap::AllocError) -> Self {
        Self::new(Code::OutliveNoMemory, error.to_string())
    }
}

/// The code of a result, whose message is kept.
pub(crate) fn answer(result: Result<(), Failure>) -> Code {
    let Err(Failure { code, message }) = result else { return Code::OutliveOk };
    let text = CString::new(message.replace('\0', " ")).unwrap_or_default();
    // At the very end of a thread there is nobody left to ask for it.
    let _ = MESSAGE.try_with(|kept| kept.replace(text));
    code
}

/// What the last call that failed in this thread had to say; an empty text before the first one. It stays until the next
/// failure in this thread.
#[unsafe(no_mangle)]
pub extern "C" fn outlive_message() -> *const c_char {
    MESSAGE.try_with(|kept| kept.borrow().as_ptr()).unwrap_or(c"".as_ptr())
}

/// The name of a code, for people.
#[unsafe(no_mangle)]
pub extern "C" fn outlive_code_name(code: i32) -> *const c_char {
    const NAMES: [&CStr; 14] = [
        c"done",
        c"no memory",
        c"wrong argument",
        c"a file operation failed",
        c"in use",
        c"damaged",
        c"of another version",
        c"the log is missing",
        c"the address is taken",
        c"failed before",
        c"not in this heap",
        c"no such root",
        c"other roots",
        c"another failure",
    ];
    let name = usize::try_from(code).ok().and_then(|code| NAMES.get(code));
    name.copied().unwrap_or(c"unknown").as_ptr()
}

/// Text that C passes.
///
/// # Safety
/// `text` is null, or ends with a zero.
pub(crate) unsafe fn text<'a>(text: *const c_char, what: &str) -> Result<&'a str, Failure> {
    if text.is_null() {
        return Err(Failure::argument(&format!("{what} is a null pointer")));
    }
    // SAFETY: the caller's promise.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map_err(|_| Failure::argument(&format!("{what} is not UTF-8")))
}
