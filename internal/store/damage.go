package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"runtime/debug"

	bolterrors "go.etcd.io/bbolt/errors"
)

// guard runs f and turns what bbolt does about damaged pages, which is to panic
// or to read where no file is, into an error.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", ErrCorrupt, p)
		}
	}()
	err = f()
	if errors.Is(err, bolterrors.ErrInvalid) || errors.Is(err, bolterrors.ErrChecksum) || errors.Is(err, bolterrors.ErrVersionMismatch) {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}

// The layout of a bbolt meta page: a page header of 16 bytes, then these
// fields, little-endian on every platform that cutover is built for.
const (
	metaOffset   = 16
	metaLength   = 64
	metaMagic    = 0xED0CDAED
	metaPageSize = 8
	metaPages    = 40 // pages in use, when this meta was written
	metaTx       = 48
	metaSum      = 56
)

// checkLength finds a file that was cut short before bbolt maps it into
// memory, where reading past its end can't be survived. A file that is no
// database at all is left to bbolt to refuse.
func checkLength(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	first, ok := readMeta(f, 0)
	if !ok {
		return nil
	}
	newest := first
	if second, ok := readMeta(f, int64(first.pageSize)); ok && second.tx > first.tx {
		newest = second
	}
	// The length is read after the pages: a writer at work makes the file
	// longer before it writes the page that counts on it.
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if want := int64(newest.pages) * int64(newest.pageSize); info.Size() < want {
		return fmt.Errorf("%w: %d bytes long where %d were written", ErrCorrupt, info.Size(), want)
	}
	return nil
}

type meta struct {
	pageSize  uint32
	pages, tx uint64
}

// readMeta reads a meta page; ok is false when it is none or its checksum is
// wrong.
func readMeta(r io.ReaderAt, page int64) (m meta, ok bool) {
	var b [metaLength]byte
	if _, err := r.ReadAt(b[:], page+metaOffset); err != nil {
		return m, false
	}
	sum := fnv.New64a()
	_, _ = sum.Write(b[:metaSum])
	if binary.LittleEndian.Uint32(b[:]) != metaMagic || binary.LittleEndian.Uint64(b[metaSum:]) != sum.Sum64() {
		return m, false
	}
	m.pageSize = binary.LittleEndian.Uint32(b[metaPageSize:])
	m.pages = binary.LittleEndian.Uint64(b[metaPages:])
	m.tx = binary.LittleEndian.Uint64(b[metaTx:])
	return m, m.pageSize >= 1024 && m.pageSize <= 1<<20
}
