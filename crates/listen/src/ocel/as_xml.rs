//! OCEL as XML: version 2.0 with elements of its own, version 1.0 with `<string key= value=>` as in XES.

use std::borrow::Cow;
use std::io::Read;
use std::ops::Range;

use quick_xml::events::{BytesStart, Event as XmlEvent};

use crate::mapping::Kind;
use crate::plan::{Plan, ReadError};
use crate::sink::{Sink, Stop, Summary};
use crate::xml::{self, Xml};

use super::{Declared, Emitter, Found, Objects, hold, push_attribute};

/// Reads a file of OCEL 2.0 or 1.0: the objects first, then the events.
pub(crate) fn read_xml(input: impl Read, plan: &Plan, sink: &mut dyn Sink) -> Result<Summary, ReadError> {
    let bytes = hold(input)?;
    let (mut objects, mut declared, mut seen) = (Objects::default(), Declared::default(), false);
    let walked = walk(&bytes, &mut |part| {
        match part {
            Part::Section => seen = true,
            Part::Object(item) => {
                objects.with_attributes += u64::from(!item.attributes.is_empty());
                objects.add(item.id.clone().into(), item.kind.clone().into());
            }
            Part::Declaration { of, name, kind } => declared.add(of.to_owned().into(), name.to_owned().into(), kind),
            Part::Event(..) => {}
        }
        Ok(())
    });
    if !seen {
        walked?;
        return Err(ReadError::NotReadable {
            what: "this XML is not OCEL: it needs <log> with <objects> and <events>".to_owned(),
        });
    }
    if matches!(walked, Err(ReadError::Entities { .. })) {
        walked?;
        return Ok(Summary::default());
    }
    // Where the XML breaks, the second walk ends too, and reports it after the events before it.
    let mut emitter = match (Emitter::new(&objects, plan, sink), walked) {
        (Ok(emitter), _) => emitter,
        // Which objects there are is not known of a file that breaks off before it has said so.
        (Err(_), Err(broken)) => return Err(broken),
        (Err(error), Ok(())) => return Err(error),
    };
    let walked = walk(&bytes, &mut |part| match part {
        Part::Event(item, place) => emitter.take(&found(item, &declared), &|| bytes[place.clone()].to_vec()),
        _ => Ok(()),
    });
    let summary = emitter.finish();
    match walked {
        Ok(()) => Ok(summary),
        Err(ReadError::Xml { position, what, .. }) => Err(ReadError::Xml { position, what, events: summary.events }),
        Err(other) => Err(other),
    }
}

fn found<'a>(item: &'a Item, declared: &Declared<'_>) -> Found<'a> {
    let mut attributes = String::new();
    for (name, text, kind) in &item.attributes {
        let kind = kind.unwrap_or_else(|| declared.kind(&item.kind, name));
        push_attribute(&mut attributes, name, text, kind);
    }
    let borrowed = |(a, b): &'a (String, String)| (Cow::Borrowed(a.as_str()), Cow::Borrowed(b.as_str()));
    Found {
        id: Cow::Borrowed(&item.id),
        name: Cow::Borrowed(&item.kind),
        time: Cow::Borrowed(&item.time),
        objects: item.relations.iter().map(borrowed).collect(),
        attributes,
    }
}

/// What a file consists of.
enum Part<'a> {
    /// A part of OCEL begins.
    Section,
    Object(&'a Item),
    /// An event, and where in the file it is.
    Event(&'a Item, Range<usize>),
    /// An attribute of a type of events.
    Declaration {
        of: &'a str,
        name: &'a str,
        kind: &'a str,
    },
}

/// An object or event.
#[derive(Debug, Default)]
struct Item {
    id: String,
    kind: String,
    time: String,
    relations: Vec<(String, String)>,
    /// Name, text, and what it is where the element says so itself.
    attributes: Vec<(String, String, Option<Kind>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Objects,
    Events,
    ObjectTypes,
    EventTypes,
}

/// Goes through a file and hands over its parts.
fn walk(bytes: &[u8], take: &mut dyn FnMut(Part<'_>) -> Result<(), Stop>) -> Result<(), ReadError> {
    let summary = Summary::default();
    let mut xml = Xml::new(bytes);
    let mut walker = Walker::default();
    loop {
        let position = xml.position();
        let read = match xml.next(&summary)? {
            XmlEvent::Start(element) => walker.open(&element, position, take),
            XmlEvent::Empty(element) => walker.open(&element, position, take).map(|()| walker.close_later = true),
            XmlEvent::End(_) => {
                walker.close_later = true;
                Ok(())
            }
            XmlEvent::Text(text) => {
                walker.text.push_str(&text.xml10_content());
                Ok(())
            }
            XmlEvent::CData(text) => {
                walker.text.push_str(&text.xml10_content());
                Ok(())
            }
            XmlEvent::GeneralRef(reference) => xml::push_reference(&mut walker.text, &reference).map_err(Failure::Xml),
            XmlEvent::Eof => return Ok(()),
            _ => Ok(()),
        };
        let read = match read {
            Ok(()) if std::mem::take(&mut walker.close_later) => {
                walker.close(xml.position(), take).map_err(Failure::Stopped)
            }
            other => other,
        };
        match read {
            Ok(()) => {}
            Err(Failure::Stopped(stop)) => return Err(stop.into()),
            Err(Failure::Xml(error)) => return Err(xml::broken(error, position, &summary)),
        }
    }
}

enum Failure {
    Stopped(Stop),
    Xml(quick_xml::Error),
}

impl From<quick_xml::Error> for Failure {
    fn from(error: quick_xml::Error) -> Self {
        Failure::Xml(error)
    }
}

#[derive(Default)]
struct Walker {
    depth: usize,
    section: Option<(Section, usize)>,
    item: Option<(Item, usize, u64)>,
    /// The type that is being declared.
    declaring: String,
    /// The list of OCEL 1.0 that is open, and how deep it is.
    list: Option<(String, usize)>,
    /// The attribute of OCEL 2.0 whose text follows.
    attribute: Option<(String, usize)>,
    text: String,
    close_later: bool,
}

impl Walker {
    fn open(
        &mut self,
        element: &BytesStart<'_>,
        position: u64,
        take: &mut dyn FnMut(Part<'_>) -> Result<(), Stop>,
    ) -> Result<(), Failure> {
        self.depth += 1;
        let tag = element.name();
        match (self.section, tag.as_ref()) {
            (None, name) => {
                let section = match name {
                    "objects" => Section::Objects,
                    "events" => Section::Events,
                    "object-types" => Section::ObjectTypes,
                    "event-types" => Section::EventTypes,
                    _ => return Ok(()),
                };
                self.section = Some((section, self.depth));
                take(Part::Section).map_err(Failure::Stopped)
            }
            (Some((Section::Objects | Section::Events, _)), "object" | "event") if self.item.is_none() => {
                let [id, kind, time] = xml::attributes(element, ["id", "type", "time"])?;
                let text = |value: Option<Cow<'_, str>>| value.map(Cow::into_owned).unwrap_or_default();
                let item = Item { id: text(id), kind: text(kind), time: text(time), ..Item::default() };
                self.item = Some((item, self.depth, position));
                Ok(())
            }
            (Some((Section::EventTypes, _)), "event-type") => {
                let [name] = xml::attributes(element, ["name"])?;
                self.declaring = name.map(Cow::into_owned).unwrap_or_default();
                Ok(())
            }
            (Some((Section::EventTypes, _)), "attribute") => {
                let [name, kind] = xml::attributes(element, ["name", "type"])?;
                let (name, kind) = (name.unwrap_or_default(), kind.unwrap_or_default());
                take(Part::Declaration { of: &self.declaring, name: &name, kind: &kind }).map_err(Failure::Stopped)
            }
            _ => self.inside_item(element),
        }
    }

    fn inside_item(&mut self, element: &BytesStart<'_>) -> Result<(), Failure> {
        let Some((item, ..)) = &mut self.item else { return Ok(()) };
        let tag = element.name();
        match tag.as_ref() {
            "relationship" | "relobj" | "object" => {
                let [id, qualifier] = xml::attributes(element, ["object-id", "qualifier"])?;
                // Without an id it is a reference to nothing, which no object has.
                item.relations.push((id.unwrap_or_default().into_owned(), qualifier.unwrap_or_default().into_owned()));
            }
            "attribute" => {
                let [name] = xml::attributes(element, ["name"])?;
                self.attribute = Some((name.unwrap_or_default().into_owned(), self.depth));
                self.text.clear();
            }
            "list" => {
                let [key] = xml::attributes(element, ["key"])?;
                self.list = Some((key.unwrap_or_default().into_owned(), self.depth));
            }
            name @ ("string" | "date" | "int" | "float" | "boolean") => {
                let [key, value] = xml::attributes(element, ["key", "value"])?;
                let (key, value) = (key.unwrap_or_default(), value.unwrap_or_default().into_owned());
                let kind = match name {
                    "int" | "float" => Kind::Number,
                    "boolean" => Kind::Truth,
                    _ => Kind::Text,
                };
                match (self.list.as_ref().map(|(list, _)| list.as_str()), key.as_ref()) {
                    (Some("omap"), _) => item.relations.push((value, String::new())),
                    (None, "id") => item.id = value,
                    (None, "activity" | "type") => item.kind = value,
                    (None, "timestamp") => item.time = value,
                    (_, key) => item.attributes.push((key.to_owned(), value, Some(kind))),
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, end: u64, take: &mut dyn FnMut(Part<'_>) -> Result<(), Stop>) -> Result<(), Stop> {
        let depth = self.depth;
        self.depth = depth.saturating_sub(1);
        if self.list.as_ref().is_some_and(|(_, at)| *at == depth) {
            self.list = None;
        }
        if let (Some((name, at)), Some((item, ..))) = (&mut self.attribute, &mut self.item)
            && *at == depth
        {
            item.attributes.push((std::mem::take(name), self.text.trim().to_owned(), None));
            self.attribute = None;
        }
        if self.item.as_ref().is_some_and(|(_, at, _)| *at == depth)
            && let Some((item, _, start)) = self.item.take()
        {
            let place = usize::try_from(start).unwrap_or(0)..usize::try_from(end).unwrap_or(0);
            return match self.section {
                Some((Section::Objects, _)) => take(Part::Object(&item)),
                _ => take(Part::Event(&item, place)),
            };
        }
        if self.section.is_some_and(|(_, at)| at == depth) {
            self.section = None;
        }
        Ok(())
    }
}
