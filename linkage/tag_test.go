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
	return header{[16]byte{1, 2, 3}, sequence, opAdd}
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
		for _, n := range []int{0, 1, class - 1, class} {
			label := make([]byte, n)
			for i := range label {
				label[i] = byte(i + 1)
			}
			sealed := f.seal(nil, testHeader(3), &testScope, testID, label, class)
			require.Len(t, sealed, sealedSize(class), "every label of a class is equally long")
			got, err := f.open(sealed, &testScope, class)
			require.NoError(t, err)
			require.Equal(t, testHeader(3), got.header)
			require.Equal(t, testID, got.id)
			require.Equal(t, label, append([]byte{}, got.label...))

			_, err = testPRF("g").open(sealed, &testScope, class)
			require.ErrorIs(t, err, errLabel, "another identifier")
			other := newScope(sha256.Sum256([]byte("agreement")), 8)
			_, err = f.open(sealed, &other, class)
			require.ErrorIs(t, err, errLabel, "another epoch")
			_, err = f.open(sealed[1:], &testScope, class)
			require.ErrorIs(t, err, errLabel, "another length")
			for bit := range len(sealed) * 8 {
				sealed[bit/8] ^= 1 << (bit % 8)
				_, err = f.open(sealed, &testScope, class)
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
	text := make([]byte, textHead+class)
	copy(text, testID[:])
	text[17], text[18], text[19] = 2, 'a', 'b'
	got, err := f.open(f.sealText(nil, testHeader(1), &testScope, text), &testScope, class)
	require.NoError(t, err)
	require.Equal(t, []byte("ab"), got.label)

	text[textHead+class-1] = 1
	_, err = f.open(f.sealText(nil, testHeader(1), &testScope, text), &testScope, class)
	require.ErrorIs(t, err, errLabel, "padding that is not zero")

	text[textHead+class-1], text[17] = 0, class+1
	_, err = f.open(f.sealText(nil, testHeader(1), &testScope, text), &testScope, class)
	require.ErrorIs(t, err, errLabel, "a length above the class")
}

// A ciphertext under a commitment that is not its own opens as far as
// ChaCha20-Poly1305 can tell, and must not open.
func TestCommitmentIsChecked(t *testing.T) {
	f := testPRF("f")
	head := testHeader(1)
	text := make([]byte, textHead+64)
	sealed := f.sealText(nil, head, &testScope, text)
	b := head.append(nil)
	foreign := make([]byte, commitmentSize)
	forged := append(append(b, foreign...), f.cipher(b[:headerSize:headerSize], &testScope, foreign).Seal(nil, zeroNonce[:], text, nil)...)
	require.Len(t, forged, len(sealed))
	_, err := f.open(forged, &testScope, 64)
	require.ErrorIs(t, err, errLabel)
}

// Two texts under one header are sealed with unrelated keys: who forgets to count
// the revision up does not reveal the difference of his labels.
func TestLabelsOfOneRevisionDoNotShareAKey(t *testing.T) {
	f := testPRF("f")
	a := f.seal(nil, testHeader(1), &testScope, testID, []byte("phishing"), 64)
	b := f.seal(nil, testHeader(1), &testScope, testID, []byte("spamming"), 64)
	ca, cb := a[headerSize+commitmentSize:], b[headerSize+commitmentSize:]
	equal := 0
	for i := range ca {
		if ca[i] == cb[i] {
			equal++
		}
	}
	require.Less(t, equal, len(ca)/4, "the keystreams differ")
}

// The bytes of tags and sealed labels are part of the protocol: a change here
// breaks every partner and must come with a new version in the labels of tag.go.
func TestTagAndLabelKnownAnswer(t *testing.T) {
	f := testPRF("known")
	t0, t1 := f.tag(0), f.tag(1)
	sealed := f.seal(nil, testHeader(5), &testScope, testID, []byte("label"), 64)
	sum := sha256.Sum256(sealed)
	require.Equal(t, "57bc4c28d298a42033be5d6836aae70d", hex.EncodeToString(t0[:]))
	require.Equal(t, "4c4010a58244a2f917a466a958ee8a6e", hex.EncodeToString(t1[:]))
	require.Equal(t, "8c9d0f7a555dbfcdae32fd633df68aa5f23f6fefb2eb86ff7d7253b81cabed9c", hex.EncodeToString(sum[:]))
}
