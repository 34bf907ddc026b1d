//! The program and its libraries as they are in memory, with the tables that an unwinder needs.
//!
//! Read anew for each stack, so that a library which was loaded since is among them. The memory is read through
//! `/proc/self/mem`: a library that is unloaded meanwhile is a failed read.

use framehop::{ExplicitModuleSectionInfo, Module};
use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// No table is larger; what claims to be is skipped.
const LARGEST: u64 = 256 << 20;

/// From `elf(5)`.
const PT_LOAD: u32 = 1;
const PT_GNU_EH_FRAME: u32 = 0x6474_e550;

/// `DW_EH_PE_pcrel | DW_EH_PE_sdata4`: the encoding that linkers use for the address of the table.
const RELATIVE: u8 = 0x1b;

/// Returns all that can be read.
pub(super) fn all() -> Vec<Module<Vec<u8>>> {
    let (Ok(maps), Ok(memory)) = (fs::read_to_string("/proc/self/maps"), File::open("/proc/self/mem")) else {
        return Vec::new();
    };
    maps.lines().filter_map(beginning).filter_map(|start| module(&memory, start)).collect()
}

/// Returns the address at which a line of the map has the beginning of a file, or of the kernel's own library.
fn beginning(line: &str) -> Option<u64> {
    let mut words = line.split_ascii_whitespace();
    let (range, permissions, offset) = (words.next()?, words.next()?, words.next()?);
    let is_candidate = permissions.starts_with('r') && offset.bytes().all(|digit| digit == b'0');
    let path = words.nth(2).filter(|path| is_candidate && (path.starts_with('/') || *path == "[vdso]"));
    path.and_then(|_| u64::from_str_radix(range.split_once('-')?.0, 16).ok())
}

/// Returns the module whose header is at `start`, if that is an ELF header of a module with tables.
fn module(memory: &File, start: u64) -> Option<Module<Vec<u8>>> {
    let header = read(memory, start, 64)?;
    if !header.starts_with(b"\x7fELF\x02") {
        return None;
    }
    let (at, size, count) = (number::<8>(&header, 32)?, number::<2>(&header, 54)?, number::<2>(&header, 56)?);
    let programs = read(memory, start.checked_add(at)?, size * count)?;
    let size = usize::try_from(size).ok().filter(|size| *size > 0)?;
    let programs: Vec<_> = programs.chunks_exact(size).filter_map(segment).collect();
    let loaded = || programs.iter().filter(|(kind, _)| *kind == PT_LOAD).map(|(_, range)| range);
    let bias = start.wrapping_sub(loaded().next()?.start & !0xfff);
    let in_memory = |range: &Range<u64>| range.start.wrapping_add(bias)..range.end.wrapping_add(bias);
    let end = in_memory(loaded().next_back()?).end;
    let index = in_memory(&programs.iter().find(|(kind, _)| *kind == PT_GNU_EH_FRAME)?.1);
    let index_bytes = read(memory, index.start, index.end.checked_sub(index.start)?)?;
    if index_bytes.get(..2)? != [1, RELATIVE] {
        return None;
    }
    let distance = i32::from_ne_bytes(*index_bytes.get(4..)?.first_chunk()?);
    let table = (index.start + 4).wrapping_add_signed(distance.into());
    // The length is nowhere: to the end of the segment.
    let segment = loaded().map(in_memory).find(|segment| segment.contains(&table))?;
    let table_bytes = read(memory, table, segment.end - table)?;
    let sections = ExplicitModuleSectionInfo {
        base_svma: start,
        eh_frame_svma: Some(table..segment.end),
        eh_frame: Some(table_bytes),
        eh_frame_hdr_svma: Some(index),
        eh_frame_hdr: Some(index_bytes),
        ..ExplicitModuleSectionInfo::default()
    };
    Some(Module::new(String::new(), start..end, start, sections))
}

/// Returns the kind of a segment, and the addresses that its file has for it.
fn segment(header: &[u8]) -> Option<(u32, Range<u64>)> {
    let (kind, start, size) = (number::<4>(header, 0)?, number::<8>(header, 16)?, number::<8>(header, 40)?);
    Some((kind as u32, start..start.checked_add(size)?))
}

/// Returns the number of `N` bytes at a position.
fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<u64> {
    let mut wide = [0; 8];
    wide[..N].copy_from_slice(bytes.get(at..at + N)?);
    Some(u64::from_le_bytes(wide))
}

fn read(memory: &File, at: u64, len: u64) -> Option<Vec<u8>> {
    if len > LARGEST {
        return None;
    }
    let mut bytes = vec![0; usize::try_from(len).ok()?];
    memory.read_exact_at(&mut bytes, at).ok()?;
    Some(bytes)
}
