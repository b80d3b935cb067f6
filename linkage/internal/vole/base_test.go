package vole

import (
	"encoding/hex"
	"testing"

	"filippo.io/edwards25519"
	"github.com/gtank/ristretto255"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/linkage/internal/ristretto"
)

func TestBaseOTs(t *testing.T) {
	s := newSession(newParams(t, 1), [32]byte{1})
	offer, err := newBaseOffer(newSource(1))
	require.NoError(t, err)
	delta := choices{Lo: 0x0123456789abcdef, Hi: 0xfedcba9876543210}
	pairs, chosen, err := choose(s, newSource(2), offer.public[:], delta, 1)
	require.NoError(t, err)
	both, err := offer.keys(s, pairs, 2)
	require.NoError(t, err)
	all := map[key]bool{}
	for i := range both {
		require.Equal(t, both[i][delta.bit(i)], chosen[i])
		all[both[i][0]], all[both[i][1]] = true, true
	}
	require.Len(t, all, 2*kappa, "a key occurs twice")

	// Another session, with the same points, has other keys.
	other := newSession(newParams(t, 1), [32]byte{2})
	theirs, err := offer.keys(other, pairs, 1)
	require.NoError(t, err)
	for i := range theirs {
		require.NotEqual(t, both[i][delta.bit(i)], theirs[i][delta.bit(i)])
	}
}

// A receiver of OTs that knows the logarithms of both points it sends, but not of the
// sums that count, gets neither key; and it cannot make both sums known, which without the
// hash in them it could.
func TestBaseOTOneKeyOnly(t *testing.T) {
	s := newSession(newParams(t, 1), [32]byte{1})
	offer, err := newBaseOffer(newSource(1))
	require.NoError(t, err)
	theirs, err := ristretto255.NewIdentityElement().SetCanonicalBytes(offer.public[:])
	require.NoError(t, err)

	var pairs []byte
	var shared [2][]byte
	for b := range 2 {
		x, err := ristretto255.NewScalar().SetUniformBytes((&[64]byte{byte(3 + b)})[:])
		require.NoError(t, err)
		pairs = append(pairs, ristretto255.NewIdentityElement().ScalarBaseMult(x).Bytes()...)
		shared[b] = ristretto255.NewIdentityElement().ScalarMult(x, theirs).Bytes()
	}
	all := make([]byte, 0, kappa*2*pointSize)
	for range kappa {
		all = append(all, pairs...)
	}
	keys, err := offer.keys(s, all, 3)
	require.NoError(t, err)
	for b := range 2 {
		// With sums that are the points themselves, this would be the key.
		without := s.baseKey(0, b, offer.public[:], pairs, shared[b])
		require.NotEqual(t, without, keys[0][b])
	}
}

func TestBasePointsRefused(t *testing.T) {
	// The kinds of invalid encodings of RFC 9496, appendix A.3, and the identity.
	bad := map[string]string{
		"identity":             "0000000000000000000000000000000000000000000000000000000000000000",
		"not reduced":          "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"not reduced, 1":       "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"top bit":              "0000000000000000000000000000000000000000000000000000000000000080",
		"negative":             "0100000000000000000000000000000000000000000000000000000000000000",
		"no square":            "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
		"negative coordinates": "3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e",
	}
	s := newSession(newParams(t, 1), [32]byte{1})
	offer, err := newBaseOffer(newSource(1))
	require.NoError(t, err)
	good, _, err := choose(s, newSource(2), offer.public[:], choices{}, 2)
	require.NoError(t, err)
	for name, text := range bad {
		b, err := hex.DecodeString(text)
		require.NoError(t, err)
		_, _, err = choose(s, newSource(2), b, choices{}, 2)
		require.ErrorIs(t, err, ErrPoint, name)
		for _, at := range []int{0, 1, 2*kappa - 1} {
			pairs := append([]byte(nil), good...)
			copy(pairs[at*pointSize:], b)
			_, err = offer.keys(s, pairs, 2)
			require.ErrorIs(t, err, ErrPoint, "%s at %d", name, at)
		}
	}

	// A sum of zero: the key would be known to all.
	pairs := append([]byte(nil), good...)
	var hashed edwards25519.Point
	s.point(&hashed, 5, 0, pairs[11*pointSize:][:pointSize])
	ristretto.Encode((*[pointSize]byte)(pairs[10*pointSize:]), hashed.Negate(&hashed))
	_, err = offer.keys(s, pairs, 2)
	require.ErrorIs(t, err, ErrPoint)
}
