#![allow(unused, reason = "what is refused is beside the point")]

use outlive::typed::{PBox, PPtr, Store};

outlive::heap!(struct H);
type Number<'h> = PBox<u64, H<'h>>;

outlive::heap!(struct Other);

fn main() {
    let store = H::in_memory::<Number>(|heap| PBox::new_in(1, heap)).unwrap();
    let other = Other::in_memory::<u64>(|_| 1).unwrap();
    other.write(|_, heap| store.write(|number, _| *number = PBox::new_in(2, heap)).unwrap()).unwrap();
}
