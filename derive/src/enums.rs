//! Enums, whose layout `#[repr(u8)]` and its like define: the tag, and behind it the fields of the variant, as in a struct of
//! C's.

use proc_macro2::{Span, TokenStream as Tokens};
use quote::{format_ident, quote};
use syn::{DataEnum, Error, Ident, Type, Variant};

use crate::Body;
use crate::input::Input;
use crate::refuse;

pub(crate) fn body(input: &Input, data: &DataEnum) -> syn::Result<Body> {
    let (krate, name) = (&input.krate, &input.derive.ident);
    let Some(integer) = input.integer()? else {
        let what = "the tags of an enum are others in each build, unless it says which: add `#[repr(u8)]`";
        return Err(Error::new_spanned(name, what));
    };
    if data.variants.is_empty() {
        return Err(Error::new_spanned(name, "an enum without variants has no values that could be kept"));
    }
    let tags = tags(data, &integer);
    let mut body = Body {
        scanned: quote!(false),
        ordered: quote!(true),
        niche: quote!(),
        describe: quote!(),
        inspect: quote!(),
    };
    let names: Vec<_> = (0..data.variants.len()).map(|index| format_ident!("__TAG_{index}")).collect();
    for (variant, tag) in data.variants.iter().zip(&names) {
        one(input, &integer, variant, tag, &mut body)?;
    }
    body.niche = quote!({
        #tags
        #krate::typed::Niche::of_tags(::core::mem::size_of::<#integer>(), &[#(#names as i128),*])
    });
    let (describe, inspect, text) = (&body.describe, &body.inspect, format!("is no tag of `{name}`"));
    body.describe = quote!(#tags #describe);
    body.inspect = quote! {
        #tags
        // SAFETY: the caller's promise: the bytes can be read, and such an enum begins with its tag.
        let __tag = unsafe { __at.cast::<#integer>().read() };
        #inspect
        ::core::result::Result::Err(__inspector.fault(__at, ::std::format!("{__tag} {}", #text)))
    };
    Ok(body)
}

/// A constant for the tag of each variant.
fn tags(data: &DataEnum, integer: &Ident) -> Tokens {
    let mut tags = Tokens::new();
    let mut next = quote!(0);
    for (index, variant) in data.variants.iter().enumerate() {
        let name = format_ident!("__TAG_{index}");
        let value = variant.discriminant.as_ref().map_or(next, |(_, value)| quote!(#value));
        tags.extend(quote!(#[allow(dead_code)] const #name: #integer = #value;));
        next = quote!(#name.wrapping_add(1));
    }
    tags
}

/// Adds what there is to say of one variant.
fn one(input: &Input, integer: &Ident, variant: &Variant, tag: &Ident, body: &mut Body) -> syn::Result<()> {
    let (krate, name) = (&input.krate, variant.ident.to_string());
    body.describe.extend(quote!(#krate::typed::Parts::variant(__parts, #name, #tag as i128);));
    let types: Vec<&Type> = variant.fields.iter().map(|field| &field.ty).collect();
    let (layout, layout_of) = layout(integer, &types);
    let mut inspect = Tokens::new();
    for (index, field) in variant.fields.iter().enumerate() {
        let (ty, place) = (&field.ty, syn::Index::from(index + 1));
        let field = field.ident.as_ref().map_or_else(|| index.to_string(), ToString::to_string);
        refuse::check(&format!("field `{field}` of `{}::{name}`", input.derive.ident), ty)?;
        let persist = quote!(<#ty as #krate::typed::Persist>);
        body.scanned.extend(quote!(|| #persist::SCANNED));
        body.ordered.extend(quote!(&& #persist::order().is_some()));
        body.describe.extend(quote! {{
            #layout
            #krate::typed::Parts::field::<#ty>(__parts, #field, ::core::mem::offset_of!(#layout_of, #place));
        }});
        inspect.extend(quote! {
            // SAFETY: the tag says that this variant is here, and the field lies inside of it.
            let __field = unsafe { __at.byte_add(::core::mem::offset_of!(#layout_of, #place)).cast::<#ty>() };
            // SAFETY: the field's bytes are the enum's, which can be read.
            unsafe { #persist::inspect(__field, __inspector)?; }
        });
    }
    body.inspect.extend(quote! {
        if __tag == #tag {
            #layout
            #inspect
            return ::core::result::Result::Ok(());
        }
    });
    Ok(())
}

/// A struct that is laid out as a variant with these fields is, and its type.
fn layout(integer: &Ident, types: &[&Type]) -> (Tokens, Tokens) {
    let params: Vec<_> =
        (0..types.len()).map(|index| Ident::new(&format!("F{index}"), Span::call_site())).collect();
    if types.is_empty() {
        return (Tokens::new(), Tokens::new());
    }
    let layout =
        quote!(#[repr(C)] #[allow(dead_code)] struct __Variant<#(#params),*>(#integer, #(#params),*););
    (layout, quote!(__Variant<#(#types),*>))
}
