//! Addresses: the patterns of faults, and the tables of routes with what they run.

use super::call::Call;
use super::request::Answer;
use super::world::World;

/// `POST /api/v3.1/deals`; `{id}` stands for one part, a `*` at the end for any rest, `*` alone for everything.
#[derive(Debug)]
pub struct Pattern {
    /// `None`: every method.
    method: Option<String>,
    path: String,
}

impl Pattern {
    pub fn read(text: &str) -> Self {
        let (method, path) = text.trim().split_once(' ').unwrap_or(("*", text.trim()));
        let method = (method != "*").then(|| method.to_ascii_uppercase());
        Self { method, path: path.trim().to_owned() }
    }

    pub fn matches(&self, method: &str, path: &str) -> bool {
        self.method.as_deref().is_none_or(|wanted| wanted == method) && parameters(&self.path, path).is_some()
    }
}

/// What stands in the places of `{…}` when `path` is as `pattern` says.
pub fn parameters(pattern: &str, path: &str) -> Option<Vec<String>> {
    let (pattern, open) = pattern.strip_suffix('*').map_or((pattern, false), |start| (start, true));
    let mut parts = path.split('/');
    let mut found = vec![];
    let mut wanted = pattern.split('/').peekable();
    while let Some(part) = wanted.next() {
        let given = parts.next()?;
        let last = wanted.peek().is_none();
        if part.starts_with('{') && part.ends_with('}') && !given.is_empty() {
            found.push(given.to_owned());
        } else if given != part && !(open && last && given.starts_with(part)) {
            return None;
        }
    }
    (open || parts.next().is_none()).then_some(found)
}

/// One operation of the vendor's API.
pub struct Route {
    pub method: &'static str,
    /// From the mount on.
    pub path: &'static str,
    /// The query keys the vendor documents.
    pub query: &'static [&'static str],
    pub run: fn(&mut World, &mut Call) -> Answer,
}

/// The route of `table` for a request, and its parameters. The first that fits wins.
pub fn find<'a>(table: &'a [Route], method: &str, path: &str) -> Option<(&'a Route, Vec<String>)> {
    let of_method = table.iter().filter(|route| route.method == method);
    of_method.filter_map(|route| Some((route, parameters(route.path, path)?))).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, method, path, fits) in [
            ("*", "GET", "/anything/at/all", true),
            ("POST /api/v3.1/deals", "POST", "/api/v3.1/deals", true),
            ("POST /api/v3.1/deals", "GET", "/api/v3.1/deals", false),
            ("POST /api/v3.1/deals", "POST", "/api/v3.1/deals/1", false),
            ("PUT /api/v3.1/deals/{id}", "PUT", "/api/v3.1/deals/17", true),
            ("PUT /api/v3.1/deals/{id}", "PUT", "/api/v3.1/deals/", false),
            ("PUT /api/v3.1/deals/{id}", "PUT", "/api/v3.1/deals/17/update_owner", false),
            ("GET /api/v3.1/deals*", "GET", "/api/v3.1/deals/17", true),
            ("GET /api/v3.1/deals*", "GET", "/api/v3.1/deals", true),
            ("GET /api/v3.1/deals/*", "GET", "/api/v3.1/deals", false),
            ("* /api/open/v1/rooms/{id}/*", "DELETE", "/api/open/v1/rooms/a/tags", true),
            ("/api/v3.1/notes", "POST", "/api/v3.1/notes", true),
            ("get /x", "GET", "/x", true),
        ] {
            assert_eq!(Pattern::read(pattern).matches(method, path), fits, "{pattern} {method} {path}");
        }
        assert_eq!(parameters("rooms/{id}/agents/{user}", "rooms/a/agents/b"), Some(vec!["a".into(), "b".into()]));
    }
}
