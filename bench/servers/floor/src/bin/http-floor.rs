//! "Hello, world!" over HTTP/1.1.

use server_common::http;
use server_floor::{Answer, Protocol};

#[derive(Default)]
struct Hello {
    output: Vec<u8>,
}

impl Protocol for Hello {
    fn answer<'a>(&'a mut self, input: &'a [u8]) -> Answer<'a> {
        self.output.clear();
        let answered = http::answer(input, &mut self.output);
        Answer { output: &self.output, consumed: answered.consumed, close: answered.close }
    }
}

fn main() {
    server_floor::run(Hello::default());
}
