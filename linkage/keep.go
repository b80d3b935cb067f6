package linkage

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/hashing"
)

// Keeper turns what a service has learnt of its identifiers into what a table may hold:
// without the keeper's key that is noise, and joins with nothing that was published. The key
// is kept apart from the table and erased when the generation ends, and then the rows say
// nothing any more.
//
// Tags are uniform and different from each other, so that one block of AES-256 is a
// pseudorandom function for them, and so are the halves of a value:
//
//	tag    AES(k1, tag)
//	value  AES(k2, F[0:16]) ‖ AES(k3, F[16:32])
//	token  the first half of SHA-256("H&C/it1" ‖ 0 ‖ k4 ‖ item)
//	mac    the first half of HMAC-SHA-256(k5, feed ‖ kind ‖ token ‖ slots ‖ values), of an [About]
//
// A receiver's rows have no mac: what is put in the place of a value there opens no record.
// A Keeper never changes, never prints its keys, and is safe for concurrent use. The zero
// Keeper cannot be used.
type Keeper struct {
	of func() *keeping // behind a function, so that no dump of the value shows a key
}

type keeping struct {
	digest             [32]byte
	scope              scope
	class              int
	tag, first, second cipher.Block
	token, about       []byte
	bytes              cipher.AEAD
}

// NewKeeper makes the keeper of a local key, for one agreement and epoch. It panics on the
// zero Key and on an agreement that Validate refuses.
func NewKeeper(a *Agreement, epoch uint32, key hashing.Key) *Keeper {
	k := &keeping{digest: a.Digest(), class: a.LabelBytes}
	k.scope = newScope(k.digest, epoch)
	secret := func(use string) []byte {
		return key.Secret("linkage/keep/v1/"+use+"/"+hex.EncodeToString(k.scope[:]), 32)
	}
	k.tag, k.first, k.second = newAES(secret("tag")), newAES(secret("first")), newAES(secret("second"))
	k.token, k.about = secret("token"), secret("about")
	var err error
	if k.bytes, err = cipher.NewGCMWithRandomNonce(newAES(secret("bytes"))); err != nil {
		panic("linkage: " + err.Error())
	}
	return &Keeper{of: func() *keeping { return k }}
}

// newAES expands a key, which it overwrites.
func newAES(key []byte) cipher.Block {
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("linkage: " + err.Error()) // only for a wrong length
	}
	return block
}

// Kept is an enrolled identifier as it is stored. It holds no secret but under its key.
type Kept struct {
	Tag   [16]byte // under which the first signal about it will be found, or see Nth
	Value [32]byte // of the function, sealed
	Token [16]byte // the same for the same identifier, also when it is enrolled anew
}

// Tag gives the keyed tag for a published one: what to look up.
func (k *Keeper) Tag(published [16]byte) [16]byte {
	k.of().tag.Encrypt(published[:], published[:])
	return published
}

// Token names an identifier under the keeper's key, to see whether it is known without
// asking the peer. It panics on the zero identifier.
func (k *Keeper) Token(id hashing.Identifier) [16]byte {
	o := k.of()
	x := id.Digest(o.digest)
	return o.itemToken(&x)
}

func (k *keeping) itemToken(x *item) [16]byte {
	var in [len(itemTokenLabel) + 32 + len(item{})]byte
	at := copy(in[:], itemTokenLabel)
	at += copy(in[at:], k.token)
	copy(in[at:], x[:])
	sum := sha256.Sum256(in[:])
	return [16]byte(sum[:])
}

// keep makes of a value what is kept of it, but for its token. Where it is put is the
// caller's, for what is encrypted in place cannot lie on the stack.
func (k *keeping) keep(to *Kept, f *prf) {
	k.keyed((*tag)(&to.Tag), f, 0)
	k.hide(&to.Value, f)
}

// keyed makes the keyed tag of the nth signal.
func (k *keeping) keyed(to *tag, f *prf, nth uint32) {
	*to = f.tag(nth)
	k.tag.Encrypt(to[:], to[:])
}

func (k *keeping) hide(to *[32]byte, f *prf) {
	*to = *f
	k.first.Encrypt(to[:16], to[:16])
	k.second.Encrypt(to[16:], to[16:])
}

func (k *keeping) reveal(v *[32]byte) *prf {
	f := prf(*v)
	k.first.Decrypt(f[:16], f[:16])
	k.second.Decrypt(f[16:], f[16:])
	return &f
}

// seal appends to the sealed values of an About what binds them to it and to the feed.
func (k *keeping) seal(a *About, feed FeedID) {
	mac := k.mac(a.Kind, a.Token, feed, a.Values)
	a.Values = append(a.Values, mac[:]...)
}

// values gives the values in so many slots of an About that was sealed for the feed.
func (k *keeping) values(a *About, feed FeedID, slots int) ([]byte, bool) {
	size := slots * len(prf{})
	if len(a.Values) != size+aboutMAC {
		return nil, false
	}
	mac := k.mac(a.Kind, a.Token, feed, a.Values[:size])
	return a.Values[:size:size], hmac.Equal(mac[:], a.Values[size:])
}

func (k *keeping) mac(kind hashing.Kind, token [16]byte, feed FeedID, values []byte) [aboutMAC]byte {
	h := hmac.New(sha256.New, k.about)
	h.Write(feed[:])
	h.Write([]byte{byte(kind)})
	h.Write(token[:])
	h.Write([]byte{byte(len(values) / len(prf{}))})
	h.Write(values)
	return [aboutMAC]byte(h.Sum(nil))
}

const aboutMAC = 16

// Nth gives kept with the Tag under which the nth signal about the identifier will be found,
// counted from 0; what is enrolled is the 0th. It panics on an nth below 0 or above 256, the most
// that an agreement's SignalsPerIdentifier can be: under the tag of that number itself there may be
// nothing, and whoever looks for it finds a transmitter that does not keep to the agreement.
func (k *Keeper) Nth(kept Kept, nth int) Kept {
	if nth < 0 || nth > maxSignals {
		panic("linkage: a signal before the first, or beyond the most there can be")
	}
	o := k.of()
	f := o.reveal(&kept.Value)
	defer clear(f[:])
	o.keyed((*tag)(&kept.Tag), f, uint32(nth))
	return kept
}

// Opened is what a record says to whoever holds one of its identifiers.
type Opened struct {
	Signal uuid.UUID
	Label  []byte
}

// Open opens a record that was found under a tag of kept, the nth, by the record's identifier
// and slot of that tag. What does not open is [ErrRecord]: a fault of the transmitter, or
// not kept's record at all, or a Retract, which says nothing of identifiers. It panics if another
// record has no such identifier or slot.
func (k *Keeper) Open(kept Kept, nth, identifier, slot int, r Record) (Opened, error) {
	o := k.of()
	if r.Operation() == Retract || r.class != o.class || nth < 0 || nth >= maxSignals {
		return Opened{}, &Error{Code: ErrRecord}
	}
	f := o.reveal(&kept.Value)
	defer clear(f[:])
	var inner prf // of which sealing needs the secret alone
	defer clear(inner[:])
	*inner.secret() = r.unwrap(f, uint32(nth), identifier, slot)
	l := newLabels(&o.scope, o.class)
	defer l.close()
	said, err := l.open(&inner, r.sealed())
	if err != nil || said.sequence != r.Sequence() || said.op != r.Operation() || said.id == uuid.Nil {
		return Opened{}, &Error{Code: ErrRecord}
	}
	return Opened{said.id, said.label}, nil
}

// SealBytes seals what is stored beside such rows, and appends it to dst: 28 bytes more than
// plain. Bound is what it is stored under: OpenBytes must be given the same. A keeper
// is good for 2^32 of them.
func (k *Keeper) SealBytes(dst, plain, bound []byte) []byte {
	return k.of().bytes.Seal(dst, nil, plain, bound)
}

// OpenBytes opens what SealBytes made, and appends it to dst. What is damaged, of another
// key or bound to something else is [ErrState].
func (k *Keeper) OpenBytes(dst, sealed, bound []byte) ([]byte, error) {
	plain, err := k.of().bytes.Open(dst, nil, sealed, bound)
	if err != nil {
		return nil, &Error{Code: ErrState}
	}
	return plain, nil
}

const itemTokenLabel = "H&C/it1\x00"
