//! The wire: one table of routes, and a handler for each that is one expression.

use axum::Router;

use crate::App;

/// The router of the whole service.
pub fn router(_app: App) -> Router {
    todo!()
}
