//! Server-sent events, as far as the watch needs them: WHATWG HTML, "Server-sent events", section "Interpreting an event
//! stream". Only `event` and `data` matter; ids and retry times are not used.

/// A line longer than this is not from a broker.
const MAX_LINE: usize = 64 * 1024;

/// An event: its type (empty = `message`) and its data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) data: String,
}

/// Takes bytes, however they were cut, and gives events.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    line: Vec<u8>,
    event: Event,
    has_data: bool,
}

impl Decoder {
    /// The events that `bytes` complete.
    ///
    /// # Errors
    /// A line that is too long or is not UTF-8.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Event>, String> {
        let mut events = Vec::new();
        for &byte in bytes {
            if byte != b'\n' {
                self.line.push(byte);
                if self.line.len() > MAX_LINE {
                    return Err(format!(
                        "a line of the event stream is longer than {MAX_LINE} bytes"
                    ));
                }
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let line = line.strip_suffix(b"\r").unwrap_or(&line);
            let line = std::str::from_utf8(line).map_err(|_| "the event stream is not UTF-8".to_owned())?;
            events.extend(self.line(line));
        }
        Ok(events)
    }

    fn line(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return std::mem::take(&mut self.has_data).then_some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.name),
            "data" => {
                if self.has_data {
                    self.event.data.push('\n');
                }
                self.has_data = true;
                self.event.data.push_str(value);
            }
            // A comment (an empty field name: the heartbeat), or a field that is not used.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] =
        b": heartbeat\n\nevent: revision\ndata: {\"revision\":7}\n\n:\n\ndata:a\r\ndata: b\r\n\r\ndata: cut";

    fn event(name: &str, data: &str) -> Event {
        Event {
            name: name.to_owned(),
            data: data.to_owned(),
        }
    }

    #[test]
    fn events_come_out_wherever_the_bytes_are_cut() {
        for cut in 0..STREAM.len() {
            let mut decoder = Decoder::default();
            let mut events = decoder.feed(&STREAM[..cut]).unwrap();
            events.extend(decoder.feed(&STREAM[cut..]).unwrap());
            assert_eq!(
                events,
                [event("revision", "{\"revision\":7}"), event("", "a\nb")],
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut decoder = Decoder::default();
        assert!(decoder.feed(&vec![b'x'; MAX_LINE]).unwrap().is_empty());
        assert!(decoder.feed(b"x").unwrap_err().contains("longer"));
    }
}
