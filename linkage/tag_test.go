package linkage

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func testPRF(name string) *prf {
	f := prf(sha256.Sum256([]byte(name)))
	return &f
}

func testContent(sequence uint64, label []byte) *content {
	return &content{testID, sequence, Add, label}
}

var testID = uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057")

var testScope = newScope(sha256.Sum256([]byte("agreement")), 7)

func TestTagsAreDistinct(t *testing.T) {
	seen := map[tag]bool{}
	for i := range 100 {
		for j := range uint32(10) {
			name := testPRF(fmt.Sprint(i)).tag(j)
			require.False(t, seen[name])
			seen[name] = true
		}
	}
}

func TestLabelOpensOnlyAsSealed(t *testing.T) {
	f := testPRF("f")
	for _, class := range []int{64, 256, 1024} {
		for _, n := range []int{0, 1, 31, class - 1, class} {
			label := make([]byte, n)
			for i := range label {
				label[i] = byte(i + 1)
			}
			l := newLabels(&testScope, class)
			sealed := l.seal(nil, f, testContent(3, label))
			require.Len(t, sealed, sealedSize(class), "every label of a class is equally long")
			got, err := l.open(f, sealed)
			require.NoError(t, err)
			require.Equal(t, *testContent(3, label), got)

			refuses := func(l *labels, f *prf, sealed []byte, why string, args ...any) {
				t.Helper()
				got, err := l.open(f, sealed)
				require.Equal(t, errLabel, err, append([]any{why}, args...)...)
				require.Zero(t, got, "nothing of it is given")
			}
			refuses(l, testPRF("g"), sealed, "another identifier")
			for _, half := range []int{tagSize, tagSize + secretSize - 1} {
				other := *f
				other[half] ^= 1
				refuses(l, &other, sealed, "another secret")
			}
			for _, other := range []scope{newScope(sha256.Sum256([]byte("agreement")), 8), newScope([32]byte{}, 7)} {
				refuses(newLabels(&other, class), f, sealed, "another scope")
			}
			for _, other := range []int{0, 64, 256, 1024} {
				if other != class {
					refuses(newLabels(&testScope, other), f, sealed, "another class")
				}
			}
			for cut := range len(sealed) {
				refuses(l, f, sealed[:cut], "cut to %d bytes", cut)
			}
			refuses(l, f, sealed[1:], "another beginning")
			refuses(l, f, append(bytes.Clone(sealed), 0), "a byte more")
			for bit := range len(sealed) * 8 {
				sealed[bit/8] ^= 1 << (bit % 8)
				refuses(l, f, sealed, "bit %d flipped", bit)
				sealed[bit/8] ^= 1 << (bit % 8)
			}
			// Its parts do not go with those of another that the same secret has sealed.
			other := l.seal(nil, f, testContent(4, append([]byte{7}, label...)[:max(n, 1)]))
			refuses(l, f, slices.Concat(sealed[:commitmentSize], other[commitmentSize:]), "another text")
			refuses(l, f, slices.Concat(other[:commitmentSize], sealed[commitmentSize:]), "another commitment")
			_, err = l.open(f, sealed)
			require.NoError(t, err, "what was refused leaves nothing behind")
		}
	}
}

// A label whose padding is not zero, or whose length passes its class, is one
// that no honest transmitter makes, and must not open either.
func TestLabelPaddingIsChecked(t *testing.T) {
	f := testPRF("f")
	const class = 64
	l := newLabels(&testScope, class)
	sealed := func(text []byte) []byte { return sealText(l, f, text) }
	text := make([]byte, textHead+class)
	copy(text, testContent(1, []byte("ab")).text())
	got, err := l.open(f, sealed(text))
	require.NoError(t, err)
	require.Equal(t, []byte("ab"), got.label)

	text[textHead+class-1] = 1
	_, err = l.open(f, sealed(text))
	require.ErrorIs(t, err, errLabel, "padding that is not zero")

	text[textHead+class-1], text[textHead-1] = 0, class+1
	_, err = l.open(f, sealed(text))
	require.ErrorIs(t, err, errLabel, "a length above the class")
}

// sealText seals a text that no honest transmitter need have made.
func sealText(l *labels, f *prf, text []byte) []byte {
	sealed := make([]byte, sealedSize(l.class))
	copy(sealed[commitmentSize:], text)
	l.reserve(1)
	l.put(0, f, text)
	l.finish([]prf{*f}, sealed, 0)
	return sealed
}

// A text under the stream of a commitment that is not its own must not open, nor give
// away what it says.
func TestCommitmentIsChecked(t *testing.T) {
	f := testPRF("f")
	for _, class := range []int{64, 256, 1024} {
		l := newLabels(&testScope, class)
		a := l.seal(nil, f, testContent(1, []byte("label")))
		b := l.seal(nil, f, testContent(1, []byte("other")))
		got, err := l.open(f, slices.Concat(b[:commitmentSize], a[commitmentSize:]))
		require.ErrorIs(t, err, errLabel, "the commitment of another label")
		require.Zero(t, got)

		// The text of a, masked as the foreign commitment wants it.
		foreign := [commitmentSize]byte{1}
		forged := slices.Concat(foreign[:], testContent(1, []byte("label")).text(), make([]byte, class-5))
		l.point(0, f, &foreign)
		l.run(1)
		l.mask(0, forged[commitmentSize:])
		require.Len(t, forged, len(a))
		got, err = l.open(f, forged)
		require.ErrorIs(t, err, errLabel)
		require.Zero(t, got)
		require.Equal(t, []byte("label"), l.text[textHead:][:5], "as far as the stream can tell it is right")
	}
}

// Two labels of one revision are sealed with unrelated keys: who forgets to count it up
// does not reveal the difference of his labels.
func TestLabelsOfOneRevisionDoNotShareAKey(t *testing.T) {
	f := testPRF("f")
	l := newLabels(&testScope, 64)
	a := l.seal(nil, f, testContent(1, []byte("phishing")))
	b := l.seal(nil, f, testContent(1, []byte("spamming")))
	ca, cb := a[commitmentSize:], b[commitmentSize:]
	equal := 0
	for i := range ca {
		if ca[i] == cb[i] {
			equal++
		}
	}
	require.Less(t, equal, len(ca)/4, "the keystreams differ")
}

// The model: tags and labels as they are described, put together piece by piece.
func TestTagAndLabelModel(t *testing.T) {
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	f := testPRF("model")
	require.Equal(t, f[:16], tagBytes(f.tag(0)))
	for _, j := range []uint32{1, 2, 255, 1 << 31} {
		sum := sha256.Sum256(join([]byte("H&C/t2\x00"), f[:], binary.BigEndian.AppendUint32(nil, j)))
		require.Equal(t, sum[:16], tagBytes(f.tag(j)))
	}

	for _, class := range []int{64, 256, 1024} {
		c := testContent(0x0102030405060708, []byte("label"))
		got := newLabels(&testScope, class).seal([]byte("before"), f, c)
		require.Equal(t, join([]byte("before"), modelLabel(f, c, class)), got)
	}
}

// modelLabel seals a label piece by piece.
func modelLabel(f *prf, c *content, class int) []byte {
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	text := join(c.id[:], binary.BigEndian.AppendUint64(nil, c.sequence), []byte{1}, binary.BigEndian.AppendUint16(nil, uint16(len(c.label))),
		c.label, make([]byte, class-len(c.label)))
	in := sha256.Sum256(join([]byte("H&C/s2\x00"), testScope[:]))
	first := sha256.Sum256(join([]byte("HC/c2"), f[16:], in[:16], text[:27]))
	second := sha256.Sum256(text[27:])
	commitment := sha256.Sum256(join(first[:], second[:]))
	var stream []byte
	for i := uint64(0); len(stream) < len(text); i++ {
		block := sha256.Sum256(join([]byte("H&C/k2\x00\x00"), binary.BigEndian.AppendUint64(nil, i), f[16:], commitment[:]))
		stream = append(stream, block[:]...)
	}
	for i := range text {
		text[i] ^= stream[i]
	}
	return join(commitment[:], text)
}

func tagBytes(t tag) []byte { return t[:] }

// Nothing of one label is left in the room for the next, which may be shorter.
func TestLabelRoomIsCleared(t *testing.T) {
	f, l := testPRF("f"), newLabels(&testScope, 64)
	want := l.seal(nil, f, testContent(1, []byte("b")))
	_ = l.seal(nil, testPRF("g"), &content{uuid.UUID{1}, 2, Add, bytes.Repeat([]byte("a"), 64)})
	_, err := l.open(f, want)
	require.NoError(t, err)
	require.Equal(t, want, l.seal(nil, f, testContent(1, []byte("b"))))
	opened, err := l.open(f, want)
	require.NoError(t, err)
	commitments := l.commitments
	l.close()
	require.Equal(t, []byte("b"), opened.label, "what was opened is a copy")
	require.True(t, zero(l.text))
	for _, half := range slices.Concat(l.parts, l.hashes, commitments, l.counters, l.stream) {
		require.Zero(t, half)
	}
}

// The bytes of tags and sealed labels are part of the protocol: a change here
// breaks every partner and must come with a new version in the labels of tag.go.
func TestTagAndLabelKnownAnswer(t *testing.T) {
	f := testPRF("known")
	t0, t1 := f.tag(0), f.tag(1)
	sealed := newLabels(&testScope, 64).seal(nil, f, testContent(5, []byte("label")))
	sum := sha256.Sum256(sealed)
	require.Equal(t, "7117fff2d0fd294462b3c802b7cb8753", hex.EncodeToString(t0[:]))
	require.Equal(t, "c53b61aad48644854be750ec1cf1cfc5", hex.EncodeToString(t1[:]))
	require.Equal(t, "780ed1b1e70249765f71b864b6ce24f0bfa9345816bf2bb679c1150a0be37b5d", hex.EncodeToString(sum[:]))
}
