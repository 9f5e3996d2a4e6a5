#![allow(unused, reason = "what is refused is beside the point")]

use outlive::typed::{PBox, PPtr, Store};

outlive::heap!(struct H);
type Number<'h> = PBox<u64, H<'h>>;

use std::cell::RefCell;

thread_local! {
    static KEPT: RefCell<Option<Number<'static>>> = const { RefCell::new(None) };
}

fn main() {
    let store = H::in_memory::<Option<Number>>(|heap| Some(PBox::new_in(1, heap))).unwrap();
    store.write(|number, _| KEPT.with_borrow_mut(|kept| *kept = number.take())).unwrap();
}
