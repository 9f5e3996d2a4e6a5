#![allow(unused, reason = "what is refused is beside the point")]

use outlive::typed::{PBox, PPtr, Store};

outlive::heap!(struct H);
type Number<'h> = PBox<u64, H<'h>>;

fn main() {
    let store = H::in_memory::<Number>(|heap| PBox::new_in(1, heap)).unwrap();
    let pointer: PPtr<u64, H> = store.read(|number| PBox::as_ptr(number)).unwrap();
}
