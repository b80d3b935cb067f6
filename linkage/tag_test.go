package linkage

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func testPRF(name string) *prf {
	f := prf(sha256.Sum256([]byte(name)))
	return &f
}

func testHeader(sequence uint64) header {
	return header{uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057"), sequence, opAdd}
}

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
		for _, n := range []int{0, 1, class - 1, class} {
			label := make([]byte, n)
			for i := range label {
				label[i] = byte(i + 1)
			}
			sealed := f.seal(nil, testHeader(3), &testScope, label, class)
			require.Len(t, sealed, sealedSize(class), "every label of a class is equally long")
			head, got, err := f.open(sealed, &testScope, class)
			require.NoError(t, err)
			require.Equal(t, testHeader(3), head)
			require.Equal(t, label, append([]byte{}, got...))

			_, _, err = testPRF("g").open(sealed, &testScope, class)
			require.ErrorIs(t, err, errLabel, "another identifier")
			other := newScope(sha256.Sum256([]byte("agreement")), 8)
			_, _, err = f.open(sealed, &other, class)
			require.ErrorIs(t, err, errLabel, "another epoch")
			_, _, err = f.open(sealed[1:], &testScope, class)
			require.ErrorIs(t, err, errLabel, "another length")
			for bit := range len(sealed) * 8 {
				sealed[bit/8] ^= 1 << (bit % 8)
				_, _, err = f.open(sealed, &testScope, class)
				require.ErrorIs(t, err, errLabel, "bit %d flipped", bit)
				sealed[bit/8] ^= 1 << (bit % 8)
			}
		}
	}
}

// A label whose padding is not zero, or whose length passes its class, is one
// that no honest transmitter makes, and must not open either.
func TestLabelPaddingIsChecked(t *testing.T) {
	f := testPRF("f")
	const class = 64
	plain := make([]byte, lengthSize+class)
	plain[1], plain[2], plain[3] = 2, 'a', 'b'
	_, label, err := f.open(f.sealPadded(nil, testHeader(1), &testScope, plain), &testScope, class)
	require.NoError(t, err)
	require.Equal(t, []byte("ab"), label)

	plain[lengthSize+class-1] = 1
	_, _, err = f.open(f.sealPadded(nil, testHeader(1), &testScope, plain), &testScope, class)
	require.ErrorIs(t, err, errLabel, "padding that is not zero")

	plain[lengthSize+class-1], plain[1] = 0, class+1
	_, _, err = f.open(f.sealPadded(nil, testHeader(1), &testScope, plain), &testScope, class)
	require.ErrorIs(t, err, errLabel, "a length above the class")
}

// The bytes of tags and sealed labels are part of the protocol: a change here
// breaks every partner and must come with a new version in the labels of tag.go.
func TestTagAndLabelKnownAnswer(t *testing.T) {
	f := testPRF("known")
	t0, t1 := f.tag(0), f.tag(1)
	sealed := f.seal(nil, testHeader(5), &testScope, []byte("label"), 64)
	sum := sha256.Sum256(sealed)
	require.Equal(t, "57bc4c28d298a42033be5d6836aae70d", hex.EncodeToString(t0[:]))
	require.Equal(t, "4c4010a58244a2f917a466a958ee8a6e", hex.EncodeToString(t1[:]))
	require.Equal(t, "3ec75334a85be83e96aabaf6c0d92baf4ea61cbfe1836150fe9ee62ce4b75cfb", hex.EncodeToString(sum[:]))
}
