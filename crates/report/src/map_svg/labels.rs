//! Where the figures of an edge stand: on its line, over no box and over no other figures.

use crate::layout::{Direction, Point, Rect, Route};

/// How far along a line its figures may stand, the best place first.
const PLACES: [f64; 13] = [0.5, 0.42, 0.58, 0.34, 0.66, 0.27, 0.73, 0.2, 0.8, 0.14, 0.86, 0.1, 0.9];

/// By route, in the order given, the box for a text of this width and height, if there is room for it anywhere.
pub(super) fn places(routes: &[&Route], sizes: &[(f64, f64)], boxes: &[Rect], within: &Rect) -> Vec<Option<Rect>> {
    let mut taken: Vec<Rect> = Vec::new();
    let mut found = Vec::with_capacity(routes.len());
    for (route, (width, height)) in routes.iter().zip(sizes) {
        let fits = |place: &Rect| {
            let inside = place.x >= within.x && place.x + place.width <= within.x + within.width;
            let free = boxes.iter().all(|b| !b.touches(place, 1.0)) && taken.iter().all(|t| !t.touches(place, 1.0));
            inside && free
        };
        let place = candidates(route, *width, *height).find(fits);
        taken.extend(place);
        found.push(place);
    }
    found
}

fn candidates(route: &Route, width: f64, height: f64) -> impl Iterator<Item = Rect> {
    let aside = width / 2.0 + 5.0;
    // On the line where it is level enough; beside it where it goes up or down.
    let shifts = match route.direction {
        Direction::Forward | Direction::Back => vec![(0.0, 0.0)],
        Direction::Inside => vec![(aside, 0.0), (0.0, 0.0), (-aside, 0.0)],
        Direction::Repeat => vec![(-aside - 8.0, 0.0), (aside + 8.0, 0.0), (0.0, -8.0)],
    };
    PLACES.iter().flat_map(move |t| {
        let Point { x, y } = route.at(*t);
        let beside = move |(right, down): (f64, f64)| Rect {
            x: x + right - width / 2.0,
            y: y + down - height / 2.0,
            width,
            height,
        };
        shifts.clone().into_iter().map(beside)
    })
}
