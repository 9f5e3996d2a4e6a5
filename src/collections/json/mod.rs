//! Documents in a heap: JSON values that outlive the process (feature `json`).
//!
//! ```
//! use outlive::json::{Names, PJson};
//! use outlive::{PBTreeMap, Persist};
//!
//! outlive::heap!(struct ShopHeap);
//!
//! #[derive(Persist)]
//! struct Shop<'h> {
//!     names: Names<ShopHeap<'h>>,
//!     items: PBTreeMap<u64, PJson<ShopHeap<'h>>, ShopHeap<'h>>,
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let path = std::env::temp_dir().join(format!("outlive-doc-json-{}.heap", std::process::id()));
//!     let shop = ShopHeap::open::<Shop>(&path, |heap| Shop {
//!         names: Names::new_in(heap),
//!         items: PBTreeMap::new_in(heap),
//!     })?;
//!     shop.write(|shop, heap| -> Result<(), outlive::json::JsonError> {
//!         let mut tea = PJson::parse_in(r#"{"name": "tea", "price": 4.50, "tags": ["hot"]}"#, &mut shop.names, heap)?;
//!         tea.set("/tags/-", PJson::new_in("green", heap), &mut shop.names)?;
//!         tea.merge(PJson::parse_in(r#"{"stock": 12, "name": null}"#, &mut shop.names, heap)?)?;
//!         shop.items.insert(1, tea);
//!         Ok(())
//!     })??;
//!     shop.persist()?;
//!     shop.read(|shop| {
//!         let tea = shop.items.get(&1).expect("it was put there");
//!         assert_eq!(tea.pointer("/tags/1").and_then(PJson::as_str), Some("green"));
//!         assert_eq!(tea.to_string(), r#"{"price":4.50,"tags":["hot","green"],"stock":12}"#);
//!     })?;
//!     # drop(shop);
//!     # std::fs::remove_file(path)?;
//!     Ok(())
//! }
//! ```
//!
//! - **A value** ([`PJson`]) has 16 bytes, and owns what is below it. Text of up to 15 bytes, and numbers, lie in these; longer
//!   text has a block of just its length, an array or an object one block. It can be a part of any root or collection.
//! - **Names** of members lie in the heap once, however many objects have them. A value counts the names that it uses, and so
//!   needs nobody else to be read, copied or dropped; [`Names`] is the table in which they are found when members are made. Names
//!   that no value uses any more are freed before the table grows, and by [`Names::sweep`].
//! - **Members** keep the order in which they came. A key that comes twice in a text has the last of its values, at the place
//!   of the first. Objects of more than 16 members have an index, so that a key is found in logarithmic time.
//! - **Numbers** lose no digit: what is an integer of 64 bits, or the shortest text of an `f64`, is kept as one, any other number as
//!   the text that it was. So every number is written as it was read, and two are equal if they are written the same.
//! - **Depth** has no limit. Reading, writing, comparing, copying, inspecting and dropping go down without recursion.
//! - **Memory that is not there** is an error of the methods that return one. What was to change is then as it was.

mod array;
mod cell;
mod clone;
mod compare;
mod error;
mod members;
mod merge;
mod names;
mod number;
mod object;
mod parse;
mod persist;
mod pointer;
mod release;
mod value;
mod write;

pub use error::JsonError;
pub use members::{Members, MembersMut};
pub use names::Names;
pub use number::Number;
pub use value::{Kind, PJson, Scalar, View};
