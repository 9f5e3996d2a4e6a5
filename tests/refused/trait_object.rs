#![allow(unused, reason = "what is refused is beside the point")]

use outlive::typed::{PBox, PPtr, Store};

outlive::heap!(struct H);
type Number<'h> = PBox<u64, H<'h>>;

fn main() {
    let store: Store<PBox<dyn std::fmt::Debug, H>, H>;
}
