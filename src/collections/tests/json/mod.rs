//! Documents beside `serde_json`'s values, in a heap that moves, that counts what was noted, and that fails.

mod deep;
mod failing;
mod hostile;
mod model;
mod names;
mod numbers;
mod text;
