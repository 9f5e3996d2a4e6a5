#![allow(unused, reason = "what is refused is beside the point")]

use outlive::typed::{PBox, PPtr, Store};

outlive::heap!(struct H);
type Number<'h> = PBox<u64, H<'h>>;

fn main() {
    let store = H::in_memory::<Option<Number>>(|heap| Some(PBox::new_in(1, heap))).unwrap();
    let mut kept = None;
    store.write(|number, _| kept = number.take()).unwrap();
}
