//! Who is compared.

use std::path::Path;
use std::process::Command;

/// The name of our own allocator among the others.
pub(crate) const OURS: &str = "outlive";

/// The library of tcmalloc as Debian packs it.
const TCMALLOC: &str = "libtcmalloc_minimal.so.4";

/// One allocator and how a workload comes to run on it.
#[derive(Debug)]
pub(crate) struct Contestant {
    /// The column's head.
    pub(crate) name: &'static str,
    /// The cargo feature that links it in; none for the system's.
    pub(crate) feature: Option<&'static str>,
    /// The file name of its binary.
    pub(crate) binary: &'static str,
    /// A library to preload in place of the system's allocator.
    pub(crate) preload: Option<&'static str>,
}

impl Contestant {
    const fn linked(name: &'static str, feature: &'static str) -> Self {
        Self { name, feature: Some(feature), binary: name, preload: None }
    }

    const fn system(name: &'static str, preload: Option<&'static str>) -> Self {
        Self { name, feature: None, binary: "glibc", preload }
    }

    /// Whether its library, if it needs one, is installed; or what to do.
    pub(crate) fn installed(&self) -> Result<(), String> {
        match self.preload {
            Some(library) if !can_be_loaded(library) => {
                Err(format!("{library} is not installed (on Debian: apt-get install libtcmalloc-minimal4)"))
            }
            _ => Ok(()),
        }
    }
}

/// Ours first, then the rivals in the order of the columns.
pub(crate) const ALL: &[Contestant] = &[
    Contestant::linked(OURS, "alloc-outlive"),
    Contestant::linked("mimalloc2", "alloc-mimalloc2"),
    Contestant::linked("mimalloc3", "alloc-mimalloc3"),
    Contestant::linked("jemalloc", "alloc-jemalloc"),
    Contestant::linked("snmalloc", "alloc-snmalloc"),
    Contestant::linked("rpmalloc", "alloc-rpmalloc"),
    Contestant::system("tcmalloc", Some(TCMALLOC)),
    Contestant::system("glibc", None),
];

/// Whether the loader would find a library by its bare name: it is in the loader's cache or a standard folder.
fn can_be_loaded(library: &str) -> bool {
    let listed = |program: &str| {
        let output = Command::new(program).arg("-p").output();
        output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(library))
    };
    let standard = ["/lib", "/usr/lib", "/lib64", "/usr/lib64"];
    ["/sbin/ldconfig", "ldconfig"].into_iter().any(listed)
        || standard.iter().any(|folder| Path::new(folder).join(library).exists())
}
