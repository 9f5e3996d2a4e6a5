//! Floor 9: collections that live in a heap, valid at whatever address the heap lies.

mod no_room;
pub mod skip_map;

pub use no_room::NoRoom;
pub use skip_map::PSkipMap;
