//! Structs.

use quote::quote;
use syn::{DataStruct, Index, Member};

use crate::Body;
use crate::input::Input;
use crate::refuse;

pub(crate) fn body(input: &Input, data: &DataStruct) -> syn::Result<Body> {
    let _ = input.integer()?;
    let krate = &input.krate;
    let mut body = Body {
        scanned: quote!(false),
        ordered: quote!(true),
        niche: quote!(#krate::typed::Niche::Tagged),
        describe: quote!(),
        inspect: quote!(),
    };
    for (index, field) in data.fields.iter().enumerate() {
        let (ty, member) = (
            &field.ty,
            field.ident.clone().map_or_else(|| Member::Unnamed(Index::from(index)), Member::Named),
        );
        let name = match &member {
            Member::Named(ident) => ident.to_string(),
            Member::Unnamed(index) => index.index.to_string(),
        };
        refuse::check(&format!("field `{name}` of `{}`", input.derive.ident), ty)?;
        let persist = quote!(<#ty as #krate::typed::Persist>);
        body.scanned.extend(quote!(|| #persist::SCANNED));
        body.ordered.extend(quote!(&& #persist::order().is_some()));
        body.niche.extend(quote!(.or(#persist::NICHE.moved(::core::mem::offset_of!(Self, #member)))));
        body.describe.extend(quote! {
            #krate::typed::Parts::field::<#ty>(__parts, #name, ::core::mem::offset_of!(Self, #member));
        });
        body.inspect.extend(quote! {
            // SAFETY: the caller's promise: the struct's bytes can be read, so the field's can.
            unsafe { #persist::inspect(&raw const (*__at).#member, __inspector)?; }
        });
    }
    body.inspect.extend(quote!(::core::result::Result::Ok(())));
    Ok(body)
}
