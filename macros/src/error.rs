//! [`Error`]: a wrong use of an attribute, and its position.

use proc_macro::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

pub(crate) struct Error {
    message: String,
    span: Span,
}

impl Error {
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Error {
        Error { message: message.into(), span }
    }

    /// Creates a `compile_error!` that the compiler shows at the span.
    pub(crate) fn into_tokens(self) -> TokenStream {
        let message = TokenTree::from(Literal::string(&self.message));
        let tokens = [
            Ident::new("compile_error", self.span).into(),
            Punct::new('!', Spacing::Alone).into(),
            TokenTree::from(Group::new(Delimiter::Brace, message.into())),
        ];
        let at_span = |mut token: TokenTree| {
            token.set_span(self.span);
            token
        };
        tokens.map(at_span).into_iter().collect()
    }
}
