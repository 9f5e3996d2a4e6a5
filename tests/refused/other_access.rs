#![allow(unused, reason = "what is refused is beside the point")]

use outlive::typed::{PBox, PPtr, Store};

outlive::heap!(struct H);
type Number<'h> = PBox<u64, H<'h>>;

fn main() {
    let store = H::in_memory::<Option<Number>>(|_| None).unwrap();
    store.update(|_, outer| store.write(|number, _| *number = Some(PBox::new_in(2, outer))).unwrap()).unwrap();
}
