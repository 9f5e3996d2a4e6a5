//! What lies below the magazines, as small as the models need it.

pub(crate) mod arena;
pub(crate) mod handle;
pub(crate) mod local;
pub(crate) mod misuse;
pub(crate) mod pools;
pub(crate) mod region;
pub(crate) mod units;
