//! The end of pipes.

use super::errno::said;
use super::pair::pipe;
use super::watch::Watch;
use super::{Kernel, linux, simulation};

mod the_reader_of_a_pipe_hears_that_the_writer_is_gone {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = pipe();
        let watch = Watch::of(kernel, &pair.reader);
        assert_eq!(watch.edge(), "");
        pair.write(b"last").unwrap();
        let (reader, writer) = (pair.reader, pair.writer);
        drop(writer);
        assert_eq!(watch.edge(), "IN|HUP");
        let mut buf = [0; 64];
        assert_eq!(said(reader.read(&mut buf)), Ok(4));
        assert_eq!(said(reader.read(&mut buf)), Ok(0));
        assert_eq!(watch.edge(), "");
        assert_eq!(Watch::state(kernel, &reader), "HUP");
    }

    #[test]
    fn on_linux() {
        linux(rule);
    }

    #[test]
    fn in_the_simulation() {
        simulation(rule);
    }
}

mod the_writer_of_a_pipe_hears_that_the_reader_is_gone {
    use super::*;

    fn rule(kernel: &dyn Kernel) {
        let pair = pipe();
        let watch = Watch::of(kernel, &pair.writer);
        assert_eq!(watch.edge(), "OUT");
        let (reader, writer) = (pair.reader, pair.writer);
        drop(reader);
        assert_eq!(watch.edge(), "OUT|ERR");
        assert_eq!(said(writer.write(b"x")), Err("EPIPE".into()));
        assert_eq!(said(writer.write(b"")), Ok(0));
        assert_eq!(watch.edge(), "");
    }

    #[test]
    fn on_linux() {
        linux(rule);
    }

    #[test]
    fn in_the_simulation() {
        simulation(rule);
    }
}

mod the_ends_of_a_pipe_go_one_way {
    use super::*;

    fn rule(_: &dyn Kernel) {
        let pair = pipe();
        assert_eq!(said(pair.reader.write(b"x")), Err("EBADF".into()));
        assert_eq!(said(pair.writer.read(&mut [0])), Err("EBADF".into()));
    }

    #[test]
    fn on_linux() {
        linux(rule);
    }

    #[test]
    fn in_the_simulation() {
        simulation(rule);
    }
}
