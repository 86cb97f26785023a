//! A segment whose footer, indexes or filters were forged, with right checksums around them: what hides a row is found.

use crate::tampered::stamp;
use bytes::Bytes;
use onrecord_lake::schema::column;
use onrecord_testing::{LakeFixture, sample};
use parquet::basic::{BoundaryOrder, Type};
use parquet::file::metadata::{
    ColumnChunkMetaData, ColumnChunkMetaDataBuilder, ColumnIndexBuilder, OffsetIndexBuilder, PageIndexPolicy,
    ParquetMetaData, ParquetMetaDataReader, ParquetMetaDataWriter,
};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::statistics::Statistics;
use parquet::file::writer::TrackedWrite;
use std::io::Write;

/// More rows than one page takes.
const ROWS: u64 = 9_000;

fn house() -> LakeFixture {
    let house = LakeFixture::new(100_000);
    house.append((0..ROWS).map(|number| (sample::event_id(number).into_bytes(), sample::decision(number))));
    house.seal();
    house
}

fn metadata_of(file: &[u8]) -> ParquetMetaData {
    let mut reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Required);
    reader.try_parse(&Bytes::copy_from_slice(file)).unwrap();
    reader.finish().unwrap()
}

fn place_of(metadata: &ParquetMetaData, name: &str) -> usize {
    let columns = metadata.row_group(0).columns();
    columns.iter().position(|chunk| chunk.column_path().string() == name).unwrap()
}

/// The file with other metadata behind the same pages.
fn with_metadata(file: &[u8], metadata: &ParquetMetaData) -> Vec<u8> {
    let chunks = || metadata.row_groups().iter().flat_map(|group| group.columns());
    let indexes = chunks().flat_map(|chunk| [chunk.column_index_offset(), chunk.offset_index_offset()]).flatten();
    let data = &file[..indexes.min().unwrap() as usize];
    let mut forged = Vec::new();
    let mut writer = TrackedWrite::new(&mut forged);
    writer.write_all(data).unwrap();
    ParquetMetaDataWriter::new_with_tracked(writer, metadata).finish().unwrap();
    stamp(&mut forged);
    forged
}

/// Changes the chunk of a column in the first row group.
fn with_chunk(
    file: &[u8],
    name: &str,
    change: impl FnOnce(ColumnChunkMetaData) -> ColumnChunkMetaDataBuilder,
) -> Vec<u8> {
    let metadata = metadata_of(file);
    let place = place_of(&metadata, name);
    let mut builder = metadata.into_builder();
    let mut groups = builder.take_row_groups();
    let first = groups.remove(0);
    let mut chunks = first.columns().to_vec();
    chunks[place] = change(chunks[place].clone()).build().unwrap();
    groups.insert(0, first.into_builder().set_column_metadata(chunks).build().unwrap());
    with_metadata(file, &builder.set_row_groups(groups).build())
}

fn with_statistics(file: &[u8], name: &str, change: impl FnOnce(&Statistics) -> Statistics) -> Vec<u8> {
    with_chunk(file, name, |chunk| {
        let statistics = change(chunk.statistics().unwrap());
        chunk.into_builder().set_statistics(statistics)
    })
}

fn nulls(statistics: &Statistics) -> Option<u64> {
    statistics.null_count_opt()
}

/// Changes the bounds of the pages of an integer column: least, greatest, missing values.
fn with_page_bounds(
    file: &[u8],
    name: &str,
    order: BoundaryOrder,
    change: impl FnOnce(&mut Vec<(Option<(i64, i64)>, i64)>),
) -> Vec<u8> {
    let metadata = metadata_of(file);
    let place = place_of(&metadata, name);
    let mut builder = metadata.into_builder();
    let mut index = builder.take_column_index().unwrap();
    let ColumnIndexMetaData::INT64(of_column) = &index[0][place] else { panic!("{name} holds no integers") };
    let bounds = |page| of_column.min_value(page).copied().zip(of_column.max_value(page).copied());
    let mut pages: Vec<_> =
        (0..of_column.num_pages() as usize).map(|page| (bounds(page), of_column.null_count(page).unwrap())).collect();
    change(&mut pages);
    let mut forged = ColumnIndexBuilder::new(Type::INT64);
    for (bounds, nulls) in pages {
        let bytes = |value: i64| value.to_le_bytes().to_vec();
        let (min, max) = bounds.map_or((Vec::new(), Vec::new()), |(min, max)| (bytes(min), bytes(max)));
        forged.append(bounds.is_none(), min, max, nulls);
    }
    forged.set_boundary_order(order);
    index[0][place] = forged.build().unwrap();
    with_metadata(file, &builder.set_column_index(Some(index)).build())
}

/// Changes the pages of a column: place, bytes, rows.
fn with_page_places(file: &[u8], name: &str, change: impl FnOnce(&mut Vec<(i64, i32, i64)>)) -> Vec<u8> {
    let metadata = metadata_of(file);
    let place = place_of(&metadata, name);
    let rows = metadata.row_group(0).num_rows();
    let mut builder = metadata.into_builder();
    let mut index = builder.take_offset_index().unwrap();
    let located = index[0][place].page_locations();
    let ends = located.iter().skip(1).map(|next| next.first_row_index).chain([rows]);
    let mut pages: Vec<_> = located
        .iter()
        .zip(ends)
        .map(|(page, end)| (page.offset, page.compressed_page_size, end - page.first_row_index))
        .collect();
    change(&mut pages);
    let mut forged = OffsetIndexBuilder::new();
    for (offset, bytes, rows) in pages {
        forged.append_row_count(rows);
        forged.append_offset_and_size(offset, bytes);
    }
    index[0][place] = forged.build();
    with_metadata(file, &builder.set_offset_index(Some(index)).build())
}

/// The file with all bits of a column's bloom filter cleared.
fn without_filter_bits(file: &[u8], name: &str) -> Vec<u8> {
    let metadata = metadata_of(file);
    let chunk = metadata.row_group(0).column(place_of(&metadata, name));
    let (start, bytes) = (chunk.bloom_filter_offset().unwrap() as usize, chunk.bloom_filter_length().unwrap() as usize);
    let mut forged = file.to_vec();
    // The header is some 15 bytes, and a multiple of 32 follows it.
    let header = bytes % 32;
    forged[start + header..start + bytes].fill(0);
    stamp(&mut forged);
    forged
}

/// A lie about a column, and what is said of it.
struct Lie {
    column: &'static str,
    forge: fn(&[u8], &str) -> Vec<u8>,
    problem: &'static str,
}

fn ints(statistics: &Statistics) -> (i64, i64) {
    match statistics {
        Statistics::Int64(values) => (*values.min_opt().unwrap(), *values.max_opt().unwrap()),
        other => panic!("{other}"),
    }
}

/// Lies about different columns can stand in one file.
const LIES: [&[Lie]; 3] = [
    &[
        Lie {
            column: column::TIMESTAMP,
            forge: |file, name| {
                with_statistics(file, name, |old| {
                    Statistics::int64(Some(ints(old).0), Some(ints(old).1 - 1), None, nulls(old), false)
                })
            },
            problem: "the statistics have bounds that exclude a value",
        },
        Lie {
            column: column::MODEL_ID,
            forge: |file, name| {
                let bound = Some("zz".into());
                with_statistics(file, name, |old| {
                    Statistics::byte_array(bound.clone(), bound.clone(), None, nulls(old), false)
                })
            },
            problem: "the statistics have bounds that exclude a value",
        },
        Lie {
            column: column::CONFIDENCE,
            forge: |file, name| {
                with_statistics(file, name, |old| Statistics::double(Some(0.9), Some(1.0), None, nulls(old), false))
            },
            problem: "the statistics have bounds that exclude a value",
        },
        Lie {
            column: column::MODEL_VERSION,
            forge: |file, name| {
                with_statistics(file, name, |old| {
                    Statistics::byte_array(None, None, None, Some(nulls(old).unwrap() + ROWS), false)
                })
            },
            problem: "the statistics have a wrong count of missing values",
        },
        Lie {
            column: column::ENVIRONMENT,
            forge: |file, name| with_chunk(file, name, |chunk| chunk.into_builder().set_num_values(1)),
            problem: "the footer counts other values than there are",
        },
        Lie {
            column: column::LEAF_INDEX,
            forge: |file, name| with_page_bounds(file, name, BoundaryOrder::ASCENDING, |pages| pages[0].1 = 8_192),
            problem: "the column index has a wrong count of missing values of page 0",
        },
        Lie {
            column: LISTS,
            forge: |file, name| {
                with_page_places(file, name, |pages| {
                    pages[0].2 -= 1;
                    pages[1].2 += 1;
                })
            },
            problem: "page 0 does not begin with the row that the offset index says",
        },
        Lie {
            column: column::REQUEST_ID,
            forge: without_filter_bits,
            problem: "the bloom filter denies a value that is there",
        },
    ],
    &[
        Lie {
            column: column::TIMESTAMP,
            forge: |file, name| {
                with_statistics(file, name, |old| {
                    Statistics::int64(Some(ints(old).0 - 1), Some(ints(old).1), None, nulls(old), false)
                })
            },
            problem: "the statistics have a bound that is called exact and is no value",
        },
        Lie {
            column: column::LEAF_INDEX,
            forge: |file, name| {
                with_page_bounds(file, name, BoundaryOrder::ASCENDING, |pages| pages[1].0.as_mut().unwrap().1 -= 1)
            },
            problem: "the column index has bounds that exclude a value of page 1",
        },
        Lie {
            column: column::RECORDED_AT,
            forge: |file, name| with_page_bounds(file, name, BoundaryOrder::ASCENDING, |pages| pages[0].0 = None),
            problem: "the column index is wrong about whether there are values of page 0",
        },
        Lie {
            column: column::MODEL_ID,
            forge: |file, name| {
                with_page_places(file, name, |pages| {
                    pages[0].2 -= 1;
                    pages[1].2 += 1;
                })
            },
            problem: "page 0 does not begin with the row that the offset index says",
        },
    ],
    &[
        Lie {
            column: column::LEAF_INDEX,
            forge: |file, name| with_page_bounds(file, name, BoundaryOrder::DESCENDING, |_| ()),
            problem: "the column index claims an order that its pages do not have",
        },
        Lie {
            column: column::MODEL_ID,
            forge: |file, name| with_page_places(file, name, |pages| pages[1] = (pages[0].0, pages[0].1, pages[1].2)),
            problem: "the offset index does not lead to the pages",
        },
    ],
];

const LISTS: &str = "alternative_predictions.list.element.confidence";

#[test]
fn what_hides_a_row_is_found_though_every_checksum_is_right() {
    let house = house();
    let path = house.segment_files().remove(0);
    let sound = std::fs::read(&path).unwrap();
    for lies in LIES {
        let forged = lies.iter().fold(sound.clone(), |file, lie| {
            let forged = (lie.forge)(&file, lie.column);
            assert_ne!(forged, file, "{}: {}", lie.column, lie.problem);
            forged
        });
        std::fs::write(&path, forged).unwrap();
        let wrong = house.verify();
        assert_eq!(wrong.len(), lies.len(), "{wrong:?}");
        for lie in lies {
            let told = format!(
                "00000000000000009000.parquet is damaged: in row group 0: of its column {}, {}",
                lie.column, lie.problem
            );
            assert!(wrong.iter().any(|wrong| wrong.contains(&told)), "{told}: {wrong:?}");
        }
    }
    // What the forging itself does to the file is no fault.
    std::fs::write(&path, with_metadata(&sound, &metadata_of(&sound))).unwrap();
    assert_eq!(house.verify(), [] as [String; 0]);
}
