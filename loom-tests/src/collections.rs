//! The real skip map, over a stand-in for its heap and for the threads' own storage.

#[path = "../../src/collections/no_room.rs"]
mod no_room;
#[path = "../../src/collections/skip_map/mod.rs"]
pub(crate) mod skip_map;

pub(crate) use no_room::NoRoom;
