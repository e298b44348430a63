package command

import (
	"errors"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/state"
)

func (g *guests) certify(*guest.BrokerConfig, state.MemberID, int) error {
	return errors.New("client certificates are not available yet")
}
