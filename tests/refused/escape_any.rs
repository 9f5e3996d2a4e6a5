#![allow(unused, reason = "what is refused is beside the point")]

use outlive::typed::{PBox, PPtr, Store};

outlive::heap!(struct H);
type Number<'h> = PBox<u64, H<'h>>;

use std::any::Any;

fn main() {
    let store = H::in_memory::<Option<Number>>(|heap| Some(PBox::new_in(1, heap))).unwrap();
    let kept: Box<dyn Any> = store.write(|number, _| Box::new(number.take()) as Box<dyn Any>).unwrap();
}
