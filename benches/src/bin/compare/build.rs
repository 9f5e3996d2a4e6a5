//! One build of the `workload` binary per allocator, each copied to a name of its own.

use std::env::{current_exe, var_os};
use std::fs::{copy, create_dir_all};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::contestants::Contestant;
use crate::options::{Options, Profile};

/// A contestant with its program, or the reason there is none.
#[derive(Debug)]
pub(crate) struct Binary {
    pub(crate) contestant: &'static Contestant,
    pub(crate) program: Result<PathBuf, String>,
}

/// Builds what the options ask for, or finds what an earlier run has built.
pub(crate) fn build_all(options: &Options) -> Vec<Binary> {
    let one =
        |&contestant: &&'static Contestant| Binary { contestant, program: provide(contestant, options) };
    options.allocators.iter().map(one).collect()
}

fn provide(contestant: &Contestant, options: &Options) -> Result<PathBuf, String> {
    contestant.installed()?;
    let target = target_folder()?;
    let folder = target.join("bench-bins").join(options.profile.name());
    let program = folder.join(contestant.binary);
    if !options.skip_build {
        eprintln!("building {}", contestant.name);
        let built = build(contestant, options.profile, &target)?;
        create_dir_all(&folder).map_err(|error| error.to_string())?;
        copy(built, &program).map_err(|error| error.to_string())?;
    }
    program.is_file().then_some(program).ok_or_else(|| "was never built".to_owned())
}

/// Lets cargo build, and returns where the binary is. Cargo prints its own errors.
fn build(contestant: &Contestant, profile: Profile, target: &Path) -> Result<PathBuf, String> {
    let mut cargo = Command::new(var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--package", "outlive-benches", "--bin", "workload"]);
    cargo.args(["--profile", profile.name()]).arg("--target-dir").arg(target);
    // Without this, the snmalloc crate keeps the assertions of the C++ code in and runs at half its speed.
    cargo.env("CXXFLAGS", "-DNDEBUG");
    if let Some(feature) = contestant.feature {
        cargo.args(["--features", feature]);
    }
    let built = cargo.status().is_ok_and(|status| status.success());
    built.then(|| target.join(profile.name()).join("workload")).ok_or_else(|| "did not build".to_owned())
}

/// The target folder this program itself lies in, one level up.
fn target_folder() -> Result<PathBuf, String> {
    let program = current_exe().map_err(|error| error.to_string())?;
    let folder = program.parent().and_then(Path::parent);
    folder.map(Path::to_path_buf).ok_or_else(|| "there is no target folder".to_owned())
}
