package linkage

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"slices"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage/internal/bulk"
	"github.com/hueandcry/hueandcry/linkage/internal/gf128"
)

// The file in which a transmitter keeps the key of a bulk enrolment:
//
//	magic (5) ‖ version (1) ‖ salt (32) ‖ salt of the head (32) ‖ sealed head
//	then for each chunk, all equally long:
//	session id (32) ‖ sealed (seed, toss, Delta) ‖ sealed pages of 63 elements
//
// Sealed is AES-256-GCM, under a key for the head and one for each chunk:
//
//	file key  = HKDF(secret of the transmitter's Key for agreement and epoch, salt)
//	head key  = HKDF-Expand(file key, "head" ‖ salt of the head)
//	chunk key = HKDF-Expand(file key, "chunk" ‖ index ‖ session id)
//
// A chunk that is enrolled anew has another session id, and a head that is written anew
// another salt, so that no key and nonce serve twice. Pages are small, for one identifier is in four of them, and whole, so that
// none can be changed, moved or swapped for an older one of another chunk unseen. The head is written last: a
// file without it is of a session that did not end. Whoever overwrites the first 38 bytes has
// erased the file.
const (
	stateVersion    = 1
	statePrefix     = 5 + 1 + 32 + 32
	stateHeadText   = len(scope{}) + 8 + 4 + 8 + 4 + 32 + 32
	stateHeader     = statePrefix + stateHeadText + gcmTag
	chunkSecretText = 32 + 2*gf128.Size
	chunkHeader     = 32 + chunkSecretText + gcmTag
	pageElements    = 63
	pageText        = pageElements * gf128.Size
	pageSize        = pageText + gcmTag // 1024
	gcmTag          = 16
)

var stateMagic = []byte("H&C-S")

// stateLayout says where in the file things are.
type stateLayout struct{ bulk.Params }

func (l stateLayout) pages() int       { return (l.Size() + pageElements - 1) / pageElements }
func (l stateLayout) chunkSize() int64 { return chunkHeader + int64(l.pages())*pageSize }
func (l stateLayout) chunk(i int) int64 {
	return int64(stateHeader) + int64(i)*l.chunkSize()
}
func (l stateLayout) page(chunk, i int) int64 {
	return l.chunk(chunk) + chunkHeader + int64(i)*pageSize
}

// stateKey derives the keys of a file.
type stateKey []byte

func newStateKey(key hashing.Key, s *scope, salt []byte) stateKey {
	secret := key.Secret("linkage/state/v1/"+hex.EncodeToString(s[:]), 32)
	defer clear(secret)
	k, err := hkdf.Key(sha256.New, secret, salt, "hueandcry/state/v1", 32)
	if err != nil {
		panic("linkage: " + err.Error()) // only for a length that is too great
	}
	return k
}

func (k stateKey) aead(use string, more ...[]byte) cipher.AEAD {
	sub, err := hkdf.Expand(sha256.New, k, use+string(bytes.Join(more, nil)), 32)
	if err != nil {
		panic("linkage: " + err.Error())
	}
	block, err := aes.NewCipher(sub)
	if err != nil {
		panic("linkage: " + err.Error())
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("linkage: " + err.Error())
	}
	return aead
}

func (k stateKey) chunk(i int, sid []byte) cipher.AEAD {
	return k.aead("chunk", binary.BigEndian.AppendUint32(nil, uint32(i)), sid)
}

// pageNonce is 0 for what is not a page, and else 1 more than the page's number.
func pageNonce(page int) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 4, 12), uint64(page+1))
}

var headNonce = pageNonce(-1)

// stateWriter writes the file, chunk after chunk in any order, any of them again.
type stateWriter struct {
	to     io.WriterAt
	layout stateLayout
	key    stateKey
	salt   [32]byte
	random io.Reader
	sids   [][32]byte // of the chunks as they are in the file
}

func newStateWriter(to io.WriterAt, key hashing.Key, s *scope, p bulk.Params, random io.Reader) (*stateWriter, error) {
	w := &stateWriter{to: to, layout: stateLayout{p}, random: random, sids: make([][32]byte, p.Chunks())}
	if _, err := io.ReadFull(random, w.salt[:]); err != nil {
		return nil, err
	}
	w.key = newStateKey(key, s, w.salt[:])
	// Whatever stood here is no file any more: not the old one, whose chunks are overwritten
	// now, and not yet the new one.
	_, err := to.WriteAt(make([]byte, stateHeader), 0)
	return w, err
}

// pagesAtOnce is how many pages are written at a time: 256 KiB.
const pagesAtOnce = 256

func (w *stateWriter) chunk(i int, sid [32]byte, c *bulk.Chunk) error {
	aead := w.key.chunk(i, sid[:])
	text := append(make([]byte, 0, pageText), c.Seed[:]...)
	text = c.Delta.Append(c.Toss.Append(text))
	buf := aead.Seal(append(make([]byte, 0, pagesAtOnce*pageSize), sid[:]...), headNonce, text, nil)
	if _, err := w.to.WriteAt(buf, w.layout.chunk(i)); err != nil {
		return err
	}
	defer func() { clear(text[:cap(text)]) }()
	for from := 0; from < w.layout.pages(); from += pagesAtOnce {
		buf = buf[:0]
		for page := from; page < min(from+pagesAtOnce, w.layout.pages()); page++ {
			text = text[:0]
			for _, e := range c.Key[page*pageElements : min((page+1)*pageElements, len(c.Key))] {
				text = e.Append(text)
			}
			text = append(text, make([]byte, pageText-len(text))...)
			buf = aead.Seal(buf, pageNonce(page), text, nil)
		}
		if _, err := w.to.WriteAt(buf, w.layout.page(i, from)); err != nil {
			return err
		}
	}
	w.sids[i] = sid
	return nil
}

// sync has all that was written on the disk, if there is one.
func (w *stateWriter) sync() error {
	if f, ok := w.to.(interface{ Sync() error }); ok {
		return f.Sync()
	}
	return nil
}

// finish makes a file of it, when all chunks are on the disk.
func (w *stateWriter) finish(s *scope, coin [32]byte) error {
	if slices.Contains(w.sids, [32]byte{}) {
		return errors.New("a chunk is missing") // a fault of this package
	}
	if err := w.sync(); err != nil {
		return err
	}
	p := w.layout
	text := append(make([]byte, 0, stateHeadText), s[:]...)
	text = binary.BigEndian.AppendUint64(text, uint64(p.Items()))
	text = binary.BigEndian.AppendUint32(text, uint32(p.Chunks()))
	text = binary.BigEndian.AppendUint64(text, uint64(p.Size()))
	text = binary.BigEndian.AppendUint32(text, uint32(p.Dense()))
	text = append(text, coin[:]...)
	all := sha256.New() // so that none can be put back to an earlier try
	for _, sid := range w.sids {
		all.Write(sid[:])
	}
	text = all.Sum(text)
	head := append(append([]byte(nil), stateMagic...), stateVersion)
	head = append(append(head, w.salt[:]...), make([]byte, 32)...)
	salt := head[statePrefix-32:]
	if _, err := io.ReadFull(w.random, salt); err != nil {
		return err
	}
	head = w.key.aead("head", salt).Seal(head, headNonce, text, head)
	if _, err := w.to.WriteAt(head, 0); err != nil {
		return err
	}
	return w.sync()
}

// What is wrong with a file. Each is new, for whoever returns it adds the round.
func errForeign() error {
	return &Error{Code: ErrState, cause: errors.New("no state file, or of another Key, agreement or epoch, or of a session that did not end")}
}

func errDamaged() error {
	return &Error{Code: ErrState, cause: errors.New("the file is damaged or cut short")}
}

// stateReader reads it.
type stateReader struct {
	from   io.ReaderAt
	layout stateLayout
	coin   [32]byte
	salt   *bulk.Salt
	chunks []stateChunk
}

type stateChunk struct {
	aead        cipher.AEAD
	locator     *bulk.Locator
	delta, toss gf128.Element
}

func newStateReader(from io.ReaderAt, key hashing.Key, s *scope) (*stateReader, error) {
	head := make([]byte, stateHeader)
	if err := readAt(from, head[:6], 0); err != nil {
		return nil, err
	}
	switch {
	case !bytes.Equal(head[:5], stateMagic):
		return nil, errForeign()
	case head[5] != stateVersion:
		return nil, &Error{Code: ErrVersion}
	}
	if err := readAt(from, head, 0); err != nil {
		return nil, err
	}
	k := newStateKey(key, s, head[6:38])
	text, err := k.aead("head", head[38:statePrefix]).Open(nil, headNonce, head[statePrefix:], head[:statePrefix])
	if err != nil || !bytes.Equal(text[:len(s)], s[:]) {
		return nil, errForeign()
	}
	text = text[len(s):]
	items := int64(binary.BigEndian.Uint64(text))
	p, err := bulk.NewParams(items, int(binary.BigEndian.Uint32(text[8:])))
	if err != nil || uint64(p.Size()) != binary.BigEndian.Uint64(text[12:]) || uint32(p.Dense()) != binary.BigEndian.Uint32(text[20:]) {
		return nil, errDamaged() // or of a version that computes sizes otherwise
	}
	r := &stateReader{from: from, layout: stateLayout{p}, coin: [32]byte(text[24:])}
	r.salt = bulk.NewSalt(r.coin)
	all := sha256.New()
	for i := range p.Chunks() {
		b := make([]byte, chunkHeader)
		if err := readAt(from, b, r.layout.chunk(i)); err != nil {
			return nil, err
		}
		all.Write(b[:32])
		c := stateChunk{aead: k.chunk(i, b[:32])}
		secret, err := c.aead.Open(nil, headNonce, b[32:], nil)
		if err != nil {
			return nil, errDamaged()
		}
		c.locator = bulk.NewLocator(p, r.salt, [32]byte(secret))
		c.toss, c.delta = gf128.FromBytes(secret[32:]), gf128.FromBytes(secret[32+gf128.Size:])
		clear(secret)
		r.chunks = append(r.chunks, c)
	}
	if !bytes.Equal(all.Sum(nil), text[56:]) {
		return nil, errDamaged()
	}
	return r, nil
}

// evaluate gives the function's value for any item: it reads the four or five pages that the item is
// in, and no more. It can be used by many goroutines at once.
func (r *stateReader) evaluate(x bulk.Item) (prf, error) {
	var n [1]uint32
	r.salt.Chunks(n[:], []bulk.Item{x}, r.layout.Params)
	c := &r.chunks[n[0]]
	place := c.locator.Place(x)
	reader := pageReader{r: r, chunk: int(n[0]), page: -1}
	var sparse [3]gf128.Element
	dense := make([]gf128.Element, r.layout.Dense())
	for i, at := range place.Sparse {
		if err := reader.elements(sparse[i:i+1], at); err != nil {
			return prf{}, err
		}
	}
	if err := reader.elements(dense, place.Dense); err != nil {
		return prf{}, err
	}
	return prf(place.Output(sparse, dense, c.delta, c.toss)), nil
}

// pageReader reads elements of one chunk, and holds the last page.
type pageReader struct {
	r           *stateReader
	chunk, page int
	sealed      [pageSize]byte
	text        []byte
}

func (p *pageReader) elements(out []gf128.Element, at int) error {
	for i := range out {
		page := (at + i) / pageElements
		if page != p.page {
			if err := readAt(p.r.from, p.sealed[:], p.r.layout.page(p.chunk, page)); err != nil {
				return err
			}
			var err error
			if p.text, err = p.r.chunks[p.chunk].aead.Open(p.sealed[:0], pageNonce(page), p.sealed[:], nil); err != nil {
				return errDamaged()
			}
			p.page = page
		}
		out[i] = gf128.FromBytes(p.text[(at+i)%pageElements*gf128.Size:])
	}
	return nil
}

// readAt reads all of b, and takes a file that ends too soon for one that is damaged.
func readAt(from io.ReaderAt, b []byte, at int64) error {
	n, err := from.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if err == io.EOF || err == nil {
		return errDamaged()
	}
	return err
}
