//! Where a picture was made goes, everything else stays; metadata that makes no sense goes as a whole.

use super::*;
use crate::library::tests::{chunk, jpeg, jpeg_with, png, png_with, segment, tiff, webp_with};

/// Through the wash in pieces of `size`.
fn washed(format: Format, file: &[u8], size: usize) -> (Vec<u8>, Place) {
    let (mut wash, mut out) = (Wash::new(format), vec![]);
    for piece in file.chunks(size) {
        wash.push(piece, &mut out);
    }
    let place = wash.finish(&mut out).unwrap();
    (out, place)
}

/// The same whatever the pieces are.
fn wash(format: Format, file: &[u8]) -> (Vec<u8>, Place) {
    let whole = washed(format, file, usize::MAX);
    for size in [1, 2, 3, 7, 64, 1_000] {
        assert_eq!(washed(format, file, size), whole, "in pieces of {size}");
    }
    whole
}

fn exif(body: &[u8]) -> Vec<u8> {
    segment(0xE1, &[b"Exif\0\0", body].concat())
}

fn speaks_of_it(file: &[u8]) -> bool {
    file.windows(8).any(|window| window == b"LATITUDE")
}

#[test]
fn a_place_leaves_the_exif_and_nothing_else_does() {
    for little in [true, false] {
        let mut block = tiff(little, true);
        assert!(speaks_of_it(&block));
        assert_eq!(exif::cut_gps(&mut block), Cut::Done);
        assert!(!speaks_of_it(&block) && block.len() == tiff(little, true).len());
        let expected = tiff(little, false);
        let directory = 2 + 3 * 12 + 4;
        assert_eq!(block[8..8 + directory], expected[8..8 + directory], "the other entries and the next directory's pointer");
        assert!(block.ends_with(b"TAIL"));
        assert_eq!(exif::cut_gps(&mut block), Cut::Nothing, "it is gone");
    }
}

#[test]
fn a_block_that_makes_no_sense_is_not_touched() {
    let sound = tiff(true, true);
    for at in 0..sound.len() {
        for value in [0x00, 0xFF, 0x80] {
            let mut block = sound.clone();
            block[at] = value;
            let before = block.clone();
            if exif::cut_gps(&mut block) != Cut::Done {
                assert_eq!(block, before, "byte {at} as {value}");
            }
            assert_eq!(block.len(), before.len());
        }
        let mut cut = sound[..at].to_vec();
        if exif::cut_gps(&mut cut) != Cut::Done {
            assert_eq!(cut, sound[..at]);
        }
    }
}

#[test]
fn a_directory_that_points_into_another_is_not_touched() {
    // The pointer of the third entry: to the head, and to the very directory it stands in.
    for target in [0, 8, 20] {
        let mut block = tiff(true, true);
        block[8 + 2 + 2 * 12 + 8] = target;
        let before = block.clone();
        assert_eq!((exif::cut_gps(&mut block), block == before), (Cut::NotUnderstood, true), "to {target}");
    }
}

#[test]
fn a_jpeg_keeps_its_pixels_and_loses_its_place() {
    let xmp = |text: &[u8]| segment(0xE1, &[b"http://ns.adobe.com/xap/1.0/\0", text].concat());
    let first = jpeg_with(&[exif(&tiff(false, true)), xmp(b"<x exif:GPSLatitude='LATITUDE'/>"), segment(0xE2, b"ICC_PROFILE\0")]);
    // As phones write it: a second picture behind the first, with the place in it as well.
    let file = [first.clone(), jpeg_with(&[exif(&tiff(true, true))])].concat();
    let (out, place) = wash(Format::Jpeg, &file);
    assert_eq!((place, out.len(), speaks_of_it(&out)), (Place::Removed, file.len(), false));
    let changed = file.iter().zip(&out).filter(|(a, b)| a != b).count();
    assert!(changed < 250, "{changed} bytes changed");
    let scan = |file: &[u8]| file.windows(2).position(|window| window == [0xFF, 0xDA]).unwrap();
    assert_eq!(file[scan(&first)..first.len()], out[scan(&first)..first.len()]);
    assert_eq!(wash(Format::Jpeg, &out), (out.clone(), Place::Nowhere), "once more changes nothing");
}

#[test]
fn a_png_and_a_webp_lose_it_too() {
    let file = png_with(&[chunk(b"eXIf", &tiff(false, true)), chunk(b"tEXt", b"Comment\0fine")]);
    let (out, place) = wash(Format::Png, &file);
    assert_eq!((place, out.len(), speaks_of_it(&out)), (Place::Removed, file.len(), false));
    let mut block = tiff(false, true);
    exif::cut_gps(&mut block);
    assert_eq!(out, png_with(&[chunk(b"eXIf", &block), chunk(b"tEXt", b"Comment\0fine")]), "with a sum that fits");
    let hidden =
        png_with(&[chunk(b"zTXt", b"Raw profile type exif\0\0abc"), chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0GPS LATITUDE")]);
    assert_eq!(wash(Format::Png, &hidden), (png(), Place::Removed));

    let file = webp_with(&[(b"EXIF", tiff(true, true)), (b"XMP ", b"GPS LATITUDE".to_vec())]);
    let (out, place) = wash(Format::Webp, &file);
    assert_eq!((place, out.len(), speaks_of_it(&out)), (Place::Removed, file.len(), false));
}

/// A block whose place cannot be taken out alone: with two pointers to it, with a value that ends outside, with a directory that
/// touches the first one.
fn puzzles() -> Vec<Vec<u8>> {
    let (mut twice, mut outside, mut touching) = (tiff(true, true), tiff(true, true), tiff(true, true));
    let entry = |n: usize| 8 + 2 + n * 12;
    twice.copy_within(entry(2)..entry(3), entry(3));
    let gps = entry(4) + 4;
    outside[gps + 2 + 12 + 8..gps + 2 + 12 + 12].fill(0x7F);
    touching[entry(2) + 8] = 20;
    vec![twice, outside, touching, b"II*\0\xff\xff\xff\xffLATITUDE".to_vec(), b"LATITUDE".to_vec()]
}

#[test]
fn metadata_that_makes_no_sense_goes_as_a_whole() {
    let fine = chunk(b"tEXt", b"Comment\0fine");
    for block in puzzles() {
        assert!(speaks_of_it(&block) && exif::cut_gps(&mut block.clone()) == Cut::NotUnderstood);
        assert_eq!(
            wash(Format::Jpeg, &jpeg_with(&[exif(&block), segment(0xE2, b"ICC")])),
            (jpeg_with(&[segment(0xE2, b"ICC")]), Place::Removed)
        );
        assert_eq!(
            wash(Format::Png, &png_with(&[chunk(b"eXIf", &block), fine.clone()])),
            (png_with(std::slice::from_ref(&fine)), Place::Removed)
        );
        let file = webp_with(&[(b"EXIF", block.clone())]);
        let (out, place) = wash(Format::Webp, &file);
        assert_eq!((place, out.len(), speaks_of_it(&out)), (Place::Removed, file.len(), false));
        assert_eq!(out, webp_with(&[(b"JUNK", vec![0; block.len()])]));
    }
}

#[test]
fn metadata_too_large_to_look_into_goes_unread() {
    let large = [tiff(true, true), vec![7; MAX_HELD]].concat();
    let sizes = |format: Format, file: &[u8]| [997, 65_536, usize::MAX].map(|size| washed(format, file, size));
    for (out, place) in sizes(Format::Png, &png_with(&[chunk(b"eXIf", &large)])) {
        assert!(out == png() && place == Place::Removed);
    }
    let file = webp_with(&[(b"EXIF", large.clone()), (b"XMP ", b"fine".to_vec())]);
    for (out, place) in sizes(Format::Webp, &file) {
        assert!(out == webp_with(&[(b"JUNK", vec![0; large.len()]), (b"XMP ", b"fine".to_vec())]) && place == Place::Removed);
    }
}

#[test]
fn what_has_no_place_passes_as_it_is() {
    for (format, file, place) in [
        (Format::Jpeg, jpeg(), Place::Nowhere),
        (Format::Jpeg, jpeg_with(&[exif(&tiff(true, false))]), Place::Nowhere),
        (Format::Jpeg, [jpeg(), b"trailing".to_vec()].concat(), Place::Nowhere),
        (Format::Jpeg, vec![0xFF, 0xD8, 0xFF], Place::Nowhere),
        (Format::Jpeg, vec![0xFF, 0xD8, 0x12, 0x34], Place::Nowhere),
        (Format::Png, png(), Place::Nowhere),
        (Format::Png, png()[..40].to_vec(), Place::Nowhere),
        (Format::Webp, webp_with(&[]), Place::Nowhere),
        (Format::Pdf, b"%PDF-1.7 GPS LATITUDE".to_vec(), Place::Nowhere),
    ] {
        assert_eq!(wash(format, &file), (file, place), "{format:?}");
    }
}

#[test]
fn the_check_sum_is_that_of_the_standard() {
    assert_eq!(exif::crc32(b"123456789"), 0xCBF4_3926);
    assert_eq!(exif::crc32(b"IEND"), 0xAE42_6082);
}

#[test]
fn a_picture_that_ends_inside_its_metadata_is_none() {
    let ends_in = |format: Format, file: &[u8]| {
        let (mut wash, mut out) = (Wash::new(format), vec![]);
        wash.push(file, &mut out);
        let end = wash.finish(&mut out);
        assert!(end.is_ok() || !speaks_of_it(&out), "nothing of it got out");
        end.is_err()
    };
    let block = exif(&tiff(true, true));
    let whole = [&[0xFF, 0xD8], &block[..]].concat();
    for cut in 1..block.len() - 4 {
        assert!(ends_in(Format::Jpeg, &whole[..whole.len() - cut]), "{cut} bytes short");
    }
    assert!(!ends_in(Format::Jpeg, &whole), "it ends behind it");
    let pixels = jpeg();
    assert!(!ends_in(Format::Jpeg, &pixels[..pixels.len() - 5]), "pixels may break off: they hold no place");
    let png = png_with(&[chunk(b"eXIf", &tiff(true, true))]);
    let at = png.windows(8).position(|window| window == b"LATITUDE").unwrap();
    assert!(ends_in(Format::Png, &png[..at + 8]));
    let webp = webp_with(&[(b"EXIF", tiff(true, true))]);
    assert!(ends_in(Format::Webp, &webp[..webp.len() - 7]));

    // Of an odd length, and without the byte that should make it even.
    let mut odd = tiff(true, true);
    odd.push(7);
    odd.truncate(odd.len() - usize::from(odd.len().is_multiple_of(2)));
    let webp = webp_with(&[(b"EXIF", odd)]);
    let (out, place) = wash(Format::Webp, &webp[..webp.len() - 1]);
    assert_eq!((place, speaks_of_it(&out), out.len()), (Place::Removed, false, webp.len() - 1));
}
