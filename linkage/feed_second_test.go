package linkage_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// This reads testdata/feed.json by PROTOCOL.md alone: a receiver that knows the function's values and
// has nothing of this package.
func TestFeedByAnother(t *testing.T) {
	data, err := os.ReadFile("testdata/feed.json")
	require.NoError(t, err)
	var k knownFeed
	require.NoError(t, json.Unmarshal(data, &k))
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		require.NoError(t, err)
		return b
	}
	sum := func(parts ...[]byte) []byte { s := sha256.Sum256(bytes.Join(parts, nil)); return s[:] }
	scope := binary.BigEndian.AppendUint32(unhex(k.AgreementDigest), k.Epoch)
	require.Equal(t, k.LiveGeneration, hexOf(sum([]byte("hueandcry/generation/live/v1\x00"), scope)[:16]))
	require.Equal(t, k.Feed, hexOf(sum([]byte("hueandcry/feed/v1\x00"), scope, unhex(k.LiveGeneration), unhex(k.BaseGeneration))[:16]))

	batch := unhex(k.Batch)
	header, rest := batch[6:][:36+16+8+32+8+2+2*16+32+4+4+32], batch[6+36+16+8+32+8+2+2*16+32+4+4+32:]
	body, sig := rest[:len(rest)-64], rest[len(rest)-64:]
	require.Equal(t, bytes.Join([][]byte{[]byte("H&C-F\x01"), scope, unhex(k.Feed), {0, 0, 0, 0, 0, 0, 0, 2}, {1}, make([]byte, 31),
		binary.BigEndian.AppendUint64(nil, uint64(feedStart.Unix())), {1, 2}, unhex(k.LiveGeneration), unhex(k.BaseGeneration),
		sum([]byte("hueandcry/live-key/v1\x00"), scope, unhex(k.Opening)[42:74]),
		{0, 0, 0, 3}, binary.BigEndian.AppendUint32(nil, uint32(len(body))), sum(body)}, nil), batch[:6+len(header)])
	digest := sum([]byte("H&C/b1\x00"), header)
	require.Equal(t, k.BatchDigest, hexOf(digest))
	seed := sha256.Sum256([]byte("transmitter"))
	public := ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey)
	require.True(t, ed25519.Verify(public, append([]byte("hueandcry/batch/v1\x00"), digest...), sig))

	const class, slots = 64, 2
	var last []byte
	said := map[string]knownRecord{}
	for len(body) > 0 {
		n := int(body[25])
		size := 26
		if n > 0 {
			size += n*slots*32 + 32 + 27 + class
		}
		record := body[:size]
		body = body[size:]
		require.Negative(t, bytes.Compare(last, record[:16]))
		last = record[:16]
		for _, want := range k.Records {
			if want.Record == hexOf(record) {
				said[hexOf(record)] = want
				require.Equal(t, want.Sequence, binary.BigEndian.Uint64(record[16:]))
				require.Equal(t, byte(want.Operation), record[24])
			}
		}
		want := said[hexOf(record)]
		require.Len(t, want.Identifiers, n)
		for i, at := range want.Identifiers {
			for slot, value := range k.Identifiers[at].F {
				f, nth := unhex(value), binary.BigEndian.AppendUint32(nil, uint32(want.Nth[i]))
				tag := f[:16]
				if want.Nth[i] > 0 {
					tag = sum([]byte("H&C/t2\x00"), f, nth)[:16]
				}
				pair := pairOf(record, n, slots, slot, tag)
				require.NotNil(t, pair)
				key := xor(pair[16:], sum([]byte("H&C/w1\x00"), f[16:], nth, record[:25])[:16])
				text := openText(key, scope, record[26+n*slots*32:], sum)
				id := uuid.MustParse(want.ID)
				label := unhex(want.Label)
				require.Equal(t, bytes.Join([][]byte{id[:], record[16:25], binary.BigEndian.AppendUint16(nil, uint16(len(label))),
					label, make([]byte, class-len(label))}, nil), text)
			}
		}
	}
	require.Len(t, said, len(k.Records))
}

// pairOf finds the tag and wrap of a slot.
func pairOf(record []byte, n, slots, slot int, tag []byte) []byte {
	for i := range n {
		if pair := record[26+(i*slots+slot)*32:][:32]; bytes.Equal(pair[:16], tag) {
			return pair
		}
	}
	return nil
}

func xor(a, b []byte) []byte {
	out := bytes.Clone(a)
	for i := range out {
		out[i] ^= b[i]
	}
	return out
}

// openText opens a sealed label as section 8 says, nil if it does not open.
func openText(key, scope, sealed []byte, sum func(...[]byte) []byte) []byte {
	commitment, text := sealed[:32], []byte(nil)
	for at := 32; at < len(sealed); at += 32 {
		block := sum([]byte("H&C/k2\x00\x00"), binary.BigEndian.AppendUint64(nil, uint64(at/32-1)), key, commitment)
		part := sealed[at:min(at+32, len(sealed))]
		text = append(text, xor(part, block[:len(part)])...)
	}
	scopeDigest := sum([]byte("H&C/s2\x00"), scope)[:16]
	if !bytes.Equal(commitment, sum(sum([]byte("HC/c2"), key, scopeDigest, text[:27]), sum(text[27:]))) {
		return nil
	}
	return text
}
