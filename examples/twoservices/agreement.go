package main

import (
	"crypto/ed25519"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// The names of the two services in their agreement.
const (
	transmitterName = "messenger.example"
	receiverName    = "network.example"
)

// newAgreement is what the two services agree on: one family of companies, which
// match all kinds of identifier for one purpose. Both sign it.
func newAgreement(id uuid.UUID, purpose linkage.Purpose, protocol string, transmitter, receiver ed25519.PrivateKey) (*linkage.Agreement, error) {
	a := &linkage.Agreement{
		Version:     1,
		ID:          id,
		Transmitter: linkage.Party{Name: transmitterName, Key: transmitter.Public().(ed25519.PublicKey)},
		Receiver:    linkage.Party{Name: receiverName, Key: receiver.Public().(ed25519.PublicKey)},
		Purpose:     purpose,
		Kinds: []hashing.Kind{hashing.Phone, hashing.IMEI, hashing.MEID, hashing.AdvertisingID,
			hashing.VendorID, hashing.AndroidID, hashing.InstallID},
		SameVendor:    true,
		Normalisation: hashing.RulesVersion,
		Protocol:      protocol,
		LabelBytes:    256,
		EpochDays:     30,
		// The caps are what stops a receiver who enrols all numbers there are as its
		// users, so a real agreement has them near the numbers of the two services.
		// These are wide because whoever tries the program brings files of any size,
		// and both files are his own.
		Limits: linkage.Limits{
			Identifiers:          linkage.Encodable(protocol, 2_000_000),
			AdditionsPerDay:      50_000,
			Records:              1_000_000,
			SignalsPerDay:        50_000,
			SignalsPerIdentifier: 64,
		},
		ValidFrom:  time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		ValidUntil: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	err := errors.Join(a.Sign(linkage.Transmitter, transmitter), a.Sign(linkage.Receiver, receiver))
	if err != nil {
		return nil, err
	}
	return a, nil
}
