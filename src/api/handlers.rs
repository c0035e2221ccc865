//! How a row of the table names its handler: which door stands before it. Only macros, so that the table stays a table.

/// A handler behind the door.
macro_rules! to {
    ($handler:path) => {
        |route: &'static $crate::api::Route| {
            let handle = move |http: actix_web::HttpRequest, payload: actix_web::web::Payload| {
                $crate::api::visit::serve(route, http, payload, $handler)
            };
            actix_web::web::method(route.method.to_http()).to(handle)
        }
    };
}

/// A handler that asks for no key.
macro_rules! to_open {
    ($handler:path) => {
        |route: &'static $crate::api::Route| {
            actix_web::web::method(route.method.to_http())
                .to(move |http: actix_web::HttpRequest| $crate::api::visit::serve_open(route, http, $handler))
        }
    };
}

/// A handler behind a path that is itself the secret.
macro_rules! to_secret {
    ($handler:path) => {
        |route: &'static $crate::api::Route| {
            let handle = move |http: actix_web::HttpRequest, payload: actix_web::web::Payload| {
                $crate::api::visit::serve_secret(http, payload, $handler)
            };
            actix_web::web::method(route.method.to_http()).to(handle)
        }
    };
}

/// A handler behind a link we signed.
macro_rules! to_link {
    ($handler:path) => {
        |route: &'static $crate::api::Route| {
            actix_web::web::method(route.method.to_http())
                .to(move |http: actix_web::HttpRequest| $crate::api::visit::serve_link(http, $handler))
        }
    };
}

pub(super) use {to, to_link, to_open, to_secret};
