package hashing_test

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
)

func TestIdentifierIsAValue(t *testing.T) {
	byID := map[hashing.Identifier]string{}
	var all []hashing.Identifier
	for _, d := range devices {
		id := parse(t, d.kind, d.text)
		byID[id] = d.name
		all = append(all, id)
		assert.Equal(t, d.kind, id.Kind())
		assert.Equal(t, d.kind.Scope(), id.Scope())
		assert.False(t, id.IsZero())
	}
	assert.Len(t, byID, len(devices)-1, "the IMEI and its IMEISV are one device")
	assert.Equal(t, "AndroidID", byID[parse(t, hashing.AndroidID, "7C3E91F05AB2D846")])

	slices.SortFunc(all, hashing.Identifier.Compare)
	assert.True(t, slices.IsSortedFunc(all, hashing.Identifier.Compare))
	for i, a := range all {
		for j, b := range all {
			assert.Equal(t, a == b, a.Compare(b) == 0, "%d %d", i, j)
			assert.Equal(t, a.Compare(b) < 0, b.Compare(a) > 0, "%d %d", i, j)
		}
	}
}

func TestZeroIdentifier(t *testing.T) {
	var zero hashing.Identifier
	assert.True(t, zero.IsZero())
	assert.Zero(t, zero.Kind())
	assert.Zero(t, zero.Scope())
	assert.Equal(t, "hashing.Identifier(invalid)", zero.String())
	assert.NotEqual(t, zero, parse(t, hashing.AndroidID, "7c3e91f05ab2d846"))
}

// TestDigestModel: the digest is what the documentation says, no two salts and no
// two kinds give the same.
func TestDigestModel(t *testing.T) {
	id := parse(t, hashing.IMEI, "351829407361952")
	salts := [][32]byte{{}, {1}, {31: 1}, sha256.Sum256([]byte("agreement"))}
	for _, salt := range salts {
		in := "hueandcry/d/v3\x00" + "\x02" + "35182940736195\x00\x00" + string(salt[:])
		assert.Len(t, in, 64)
		assert.Equal(t, sha256.Sum256([]byte(in)), id.Digest(salt))
	}
	seen := map[[32]byte]bool{}
	for _, salt := range salts {
		for _, id := range []hashing.Identifier{
			parse(t, hashing.AndroidID, "7c3e91f05ab2d846"), parse(t, hashing.InstallID, "7c3e91f05ab2d846"),
		} {
			seen[id.Digest(salt)] = true
		}
	}
	assert.Len(t, seen, 8)
}

// Digests are the digests, however many are asked for, whatever hashes them.
func TestDigests(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	var ids []hashing.Identifier
	for len(ids) < 300 {
		if id, err := hashing.ParseDevice(hashing.InstallID, fmt.Sprintf("%016x", r.Uint64())); err == nil {
			ids = append(ids, id)
		}
	}
	salt := [32]byte{byte(seed)}
	for n := 0; n <= len(ids); n += 1 + n/20 {
		out := make([][32]byte, n+1)
		from := r.IntN(len(ids) - n + 1)
		hashing.Digests(out[:n], ids[from:from+n], salt)
		for i, id := range ids[from : from+n] {
			require.Equal(t, id.Digest(salt), out[i], "%d of %d", i, n)
		}
		require.Zero(t, out[n], "written past the end")
	}
	assert.Panics(t, func() { hashing.Digests(make([][32]byte, 1), ids[:2], salt) })
	assert.Panics(t, func() { hashing.Digests(make([][32]byte, 2), []hashing.Identifier{ids[0], {}}, salt) })
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { hashing.Digests(make([][32]byte, 0, 8)[:8], ids[:8], salt) }), 2.0)
}

func TestKinds(t *testing.T) {
	scopes := map[hashing.Kind]hashing.Scope{
		hashing.Phone: hashing.ScopeGlobal, hashing.IMEI: hashing.ScopeGlobal, hashing.MEID: hashing.ScopeGlobal,
		hashing.AdvertisingID: hashing.ScopeGlobal, hashing.VendorID: hashing.ScopeVendor,
		hashing.AndroidID: hashing.ScopeApp, hashing.InstallID: hashing.ScopeFamily,
	}
	valid := 0
	for n := range 256 {
		k := hashing.Kind(n)
		assert.Equal(t, scopes[k], k.Scope(), k)
		assert.Equal(t, k.Valid() && k != hashing.Phone, k.Device(), k)
		text, err := k.MarshalText()
		parsed, parseErr := hashing.ParseKind(k.String())
		if !k.Valid() {
			assert.Error(t, err)
			assert.Equal(t, "invalid", k.String())
			assert.ErrorIs(t, parseErr, hashing.ReasonUnknownKind)
			continue
		}
		valid++
		require.NoError(t, err)
		require.NoError(t, parseErr)
		assert.Equal(t, k, parsed)
		var back hashing.Kind
		require.NoError(t, back.UnmarshalText(text))
		assert.Equal(t, k, back)
	}
	assert.Equal(t, len(scopes), valid)
	names := map[hashing.Scope]string{1: "global", 2: "vendor", 3: "app", 4: "family"}
	for n := range 256 {
		want, ok := names[hashing.Scope(n)]
		if !ok {
			want = "invalid"
		}
		assert.Equal(t, want, hashing.Scope(n).String())
	}
	_, err := hashing.ParseKind("IMEI")
	assert.ErrorIs(t, err, hashing.ReasonUnknownKind)
	assert.NotContains(t, err.Error(), "IMEI")
}

// TestConcurrentUse is for the race detector: process keys are drawn once, the work
// space is shared.
func TestConcurrentUse(t *testing.T) {
	id := parse(t, hashing.AndroidID, "7c3e91f05ab2d846")
	key := hashing.NewKey()
	digest, token := id.Digest([32]byte{}), key.Token(id)
	done := make(chan bool)
	for range 8 {
		go func() {
			ok := true
			for range 500 {
				same, err := hashing.ParseDevice(hashing.AndroidID, "7c3e91f05ab2d846")
				ok = ok && err == nil && same == id && same.Digest([32]byte{}) == digest && key.Token(same) == token
			}
			done <- ok
		}()
	}
	for range 8 {
		assert.True(t, <-done)
	}
}
