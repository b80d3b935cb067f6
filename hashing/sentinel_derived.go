package hashing

import (
	"crypto/fips140"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"strings"
	"sync"
)

// sampleIDs stand in documentation, from which they are copied into programs and
// stay there. They are refused as they stand; a value that is only like one of them
// may be somebody's.
var sampleIDs = [...]string{
	// RFC 4122: section 3, appendix B, and erratum 1352.
	"f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "7d444840-9dc0-11d1-b245-5ffdce74fad2",
	"e902893a-9d22-3c7e-a7b8-d6e313b71d9f", "3d813cbb-47fb-32ba-91df-831e1593ac29",
	// RFC 4122, appendix C, and RFC 9562, section 6.6: the name spaces.
	"6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6ba7b811-9dad-11d1-80b4-00c04fd430c8",
	"6ba7b812-9dad-11d1-80b4-00c04fd430c8", "6ba7b814-9dad-11d1-80b4-00c04fd430c8",
	// RFC 9562, appendices A and B.
	"c232ab00-9414-11ec-b3c8-9f6bdeced846", "5df41881-3aed-3515-88a7-2f4a814cf09e",
	"919108f7-52d1-4320-9bac-f847db4148a8", "2ed6657d-e927-568b-95e1-2665a8aea6a2",
	"1ec9414c-232a-6b00-b3c8-9f6bdeced846", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
	"2489e9ad-2ee2-8e00-8ec9-32d5f69181c0", "5c146b14-3c52-8afd-938a-375d0df1fbf6",
	// Encyclopedias and tutorials.
	"123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456-426655440000", "550e8400-e29b-41d4-a716-446655440000",
	"3f2504e0-4f89-11d3-9a0c-0305e82c3301",
	// The documentation of advertising identifiers, by those who issue or take them.
	"38400000-8cf0-11bd-b23e-10b96e40000d", "cdda802e-fb9c-47ad-9866-0794d394c912",
	"6d92078a-8246-4ba4-ae5b-76104861e7dc", "aebe52e7-03ee-455a-b3c4-e57283966239",
	"ea7583cd-a667-48bc-b806-42ecb2b48606", "e4fe9bde-caa0-47b6-908d-ffba3fa184f2",
	"97987bca-ae59-4c7d-94ba-ee4f19ab8c21",
	// The documentation of libraries for UUIDs (Go, Apple's, Python's, JavaScript's,
	// Rust's), of a database, and the example that descriptions of interfaces get
	// from the tool that shows them.
	"e621e1f8-c36c-495a-93fc-0c247a3e6e5f",
	"a8098c1a-f86e-11da-bd1a-00112444be1e", "6fa459ea-ee8a-3ca4-894e-db77e160355e",
	"16fd2706-8baf-433b-82eb-8c7fada847da", "886313e1-3b8a-5372-9b90-0c9aee199e5d",
	"9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d", "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed",
	"67e55044-10b1-426f-9247-bb680e5fe0c8", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
	"3fa85f64-5717-4562-b3fc-2c963f66afa6",
}

// samples is sampleIDs for looking up.
var samples = sync.OnceValue(func() map[[blockSize]byte]struct{} {
	values := make(map[[blockSize]byte]struct{}, len(sampleIDs))
	for _, id := range sampleIDs {
		value, err := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
		if err != nil {
			panic("hashing: a sample that is no UUID")
		}
		values[[blockSize]byte(value)] = struct{}{}
	}
	return values
})

// hashesOfNothing are the first six bytes of the hashes of texts that identify
// nothing: of the empty text, of zeros, and of all that the lists refuse. Programs
// that give out a hash of what the device says give these where it says nothing;
// d41d8cd98f00b204e9800998ecf8427e is the best known. Six bytes are what is left of a
// hash after it is cut to 64 or 128 bits, or made a UUID, of which the version comes in
// the seventh byte; by chance one in 10^11 values has those of one of these hashes.
var hashesOfNothing = sync.OnceValue(func() map[[6]byte]struct{} {
	texts := []string{
		"", "00000000-0000-0000-0000-000000000000", "00000000000000000000000000000000",
		"00:00:00:00:00:00", "02:00:00:00:00:00", "(null)", "n/a",
	}
	for n := 1; n <= 16; n++ {
		texts = append(texts, strings.Repeat("0", n))
	}
	texts = append(texts, sharedIMEIs[:]...)
	texts = append(texts, sharedIDs[:]...)
	beginnings := map[[6]byte]struct{}{}
	add := func(text []byte) {
		// MD5 and SHA-1 because that is what those programs use. Nothing here
		// relies on them, so an enforced FIPS mode has no reason to object.
		short, long := md5.Sum(text), sha512.Sum512(text)
		sha1, sha256 := sha1.Sum(text), sha256.Sum256(text)
		for _, sum := range [][]byte{short[:], sha1[:], sha256[:], long[:], short[4:]} {
			// short[4:], for the middle half of an MD5 is in use as 64 bits.
			beginnings[[6]byte(sum)] = struct{}{}
		}
	}
	fips140.WithoutEnforcement(func() {
		for _, text := range texts {
			add([]byte(text))
			add([]byte(strings.ToUpper(text)))
		}
	})
	return beginnings
})

// derived reports whether the eight or sixteen bytes are a sample of documentation or
// the hash of a text that identifies nothing.
func derived(value []byte) bool {
	if _, ok := hashesOfNothing()[[6]byte(value)]; ok {
		return true
	}
	if len(value) != blockSize {
		return false
	}
	_, ok := samples()[[blockSize]byte(value)]
	return ok
}
