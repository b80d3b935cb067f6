package hashing

import (
	"crypto/md5"
	"crypto/sha512"
	"encoding/hex"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The hashes are written out here, so that what is reckoned is checked against what
// is published.
func TestHashesOfNothing(t *testing.T) {
	for _, row := range []struct {
		kind Kind
		text string
		why  string
	}{
		{InstallID, "d41d8cd98f00b204e9800998ecf8427e", "MD5 of nothing"},
		{InstallID, "D41D8CD98F00B204E9800998ECF8427E", "the same in capitals"},
		{VendorID, "d41d8cd9-8f00-b204-e980-0998ecf8427e", "the same as a UUID"},
		{AdvertisingID, "d41d8cd9-8f00-3204-a980-0998ecf8427e", "the same as a UUID of version 3"},
		{InstallID, "d41d8cd98f00b204", "MD5 of nothing, first half"},
		{AndroidID, "d41d8cd98f00b204", "MD5 of nothing, first half"},
		{AndroidID, "8f00b204e9800998", "MD5 of nothing, middle half"},
		{InstallID, "da39a3ee5e6b4b0d3255bfef95601890", "SHA-1 of nothing"},
		{AndroidID, "da39a3ee5e6b4b0d", "SHA-1 of nothing"},
		{VendorID, "da39a3ee-5e6b-5b0d-b255-bfef95601890", "SHA-1 of nothing, as a UUID of version 5"},
		{InstallID, "e3b0c44298fc1c149afbf4c8996fb924", "SHA-256 of nothing"},
		{InstallID, "e3b0c44298fc1c14", "SHA-256 of nothing"},
		{InstallID, "cf83e1357eefb8bdf1542850d66d8007", "SHA-512 of nothing"},
		{AndroidID, "cf83e1357eefb8bd", "SHA-512 of nothing"},
		{InstallID, "cfcd208495d565ef66e7dff9f98764da", "MD5 of 0"},
		{InstallID, "5284047f4ffb4e04824a2fd1d1f0cd62", "MD5 of fifteen zeros"},
		{InstallID, "dd4b21e9ef71e1291183a46b913ae6f2", "MD5 of eight zeros"},
		{InstallID, "9f89c84a559f573636a47ff8daed0d33", "MD5 of the nil UUID"},
		{InstallID, "e3f5536a141811db40efd6400f1d0a4e", "MD5 of the address that Android gives"},
		{InstallID, "37a6259cc0c1dae299a7866489dff0bd", "MD5 of null"},
		{InstallID, "6c3e226b4d4795d518ab341b0824ec29", "MD5 of NULL"},
		{InstallID, "ad921d60486366258809553a3db49a4a", "MD5 of unknown"},
		{InstallID, "5e543256c480ac577d30f76f9120eb74", "MD5 of undefined"},
		{InstallID, "334c4a4c42fdb79d7ebc3e73b517e6f8", "MD5 of none"},
		{InstallID, "cf95dc53f383f9a836fd749f3ef439cd", "MD5 of an identifier that many devices share"},
		{InstallID, "789b9efbdfcb6466d7e108cbd503db5d", "MD5 of an IMEI that many devices share"},
		{InstallID, "0f607264fc6318a92b9e13c65db7cd3c", "MD5 of the same address, as Android writes it"},
		{InstallID, "528c8e6cd4a3c6598999a0e9df15ad32", "MD5 of no address"},
		{InstallID, "a4d2f177eb466a7d08f8f2b340b77129", "MD5 of null in brackets"},
		{InstallID, "382b0f5185773fa0f67a8ed8056c7759", "MD5 of N/A"},
		{InstallID, "cd9e459ea708a948d5c2f5a6ca8838cf", "MD5 of thirty-two zeros"},
		{InstallID, "5feceb66ffc86f38d952786c6d696c79", "SHA-256 of 0"},
	} {
		_, err := ParseDevice(row.kind, row.text)
		assert.ErrorIs(t, err, ReasonSentinel, "%s as %s", row.why, row.kind)
	}
	// A hash of anything else is an identifier like another.
	for _, text := range []string{"account 17", " ", "Ünknown"} {
		sum, long := md5.Sum([]byte(text)), sha512.Sum512([]byte(text))
		for _, value := range [][]byte{sum[:], sum[:8], sum[4:12], long[:16]} {
			_, err := ParseDevice(InstallID, hex.EncodeToString(value))
			assert.NoError(t, err, text)
		}
	}
}

// A program may enforce FIPS 140, in which the old hashes panic.
func TestHashesOfNothingUnderFIPS(t *testing.T) {
	if strings.Contains(os.Getenv("GODEBUG"), "fips140=only") {
		_, err := ParseDevice(InstallID, "d41d8cd98f00b204e9800998ecf8427e")
		require.ErrorIs(t, err, ReasonSentinel)
		return
	}
	child := exec.Command(os.Args[0], "-test.run=^TestHashesOfNothingUnderFIPS$")
	child.Env = append(os.Environ(), "GODEBUG=fips140=only")
	out, err := child.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func TestSamplesOfDocumentation(t *testing.T) {
	seen := map[string]bool{}
	for _, sample := range sampleIDs {
		value, err := uuid.Parse(sample)
		require.NoError(t, err, sample)
		require.Equal(t, sample, value.String(), "in the usual form")
		require.False(t, seen[sample], "no entry twice: %s", sample)
		seen[sample] = true
		for _, kind := range []Kind{AdvertisingID, VendorID, InstallID} {
			for _, text := range []string{
				sample, strings.ToUpper(sample), "urn:uuid:" + sample, strings.ReplaceAll(sample, "-", ""),
			} {
				_, err := ParseDevice(kind, text)
				assert.ErrorIs(t, err, ReasonSentinel, "%s as %s", text, kind)
			}
		}
		other := value
		other[2] ^= 0x40
		_, err = ParseDevice(VendorID, other.String())
		assert.NoError(t, err, "another value than %s", sample)
	}
	// Handsets of manuals.
	for _, text := range []string{"356938035643809", "352099001761481", "35-209900-176148-23"} {
		_, err := ParseDevice(IMEI, text)
		assert.ErrorIs(t, err, ReasonSentinel, text)
	}
	for _, text := range []string{"AF0123450ABCDE", "A10000009296F2", "270113177609606898"} {
		_, err := ParseDevice(MEID, text)
		assert.ErrorIs(t, err, ReasonSentinel, text)
	}
}
