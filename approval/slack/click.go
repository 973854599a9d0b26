package slack

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"time"

	"sallyport.dev/sallyport/action"
	"sallyport.dev/sallyport/approval"

	api "github.com/slack-go/slack"
)

// Via is how a person who answers in Slack has proved who they are.
const Via = "slack"

// The actions of a card's buttons.
const (
	actOnce  = "sallyport_once"
	actSpan  = "sallyport_span"
	actDeny  = "sallyport_deny"
	actVisit = "sallyport_visit" // a link; Slack tells of it, too
)

// span is how long the yes of the second button lasts.
const span = 15 * time.Minute

// errOldCard means that a button is not one of the card that shows the ask now.
var errOldCard = errors.New("this message is not the current one for its request; look for a newer one")

// click takes a pressed button for an answer.
func (s *Slack) click(ctx context.Context, cb api.InteractionCallback) {
	if cb.Type != api.InteractionTypeBlockActions || len(cb.ActionCallback.BlockActions) != 1 {
		return
	}
	act := cb.ActionCallback.BlockActions[0]
	if act.ActionID == actVisit {
		return
	}
	now := s.session.Load()
	if now == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	card, who, err := s.answer(ctx, now, cb, act)
	if err == nil {
		return
	}
	s.conf.Log.Info("an answer in Slack is not taken", "id", card.Ask, "by", who.Name, "slack_user", cb.User.ID, "err", err)
	words := api.MsgOptionBlocks(api.NewSectionBlock(plain("Not taken: "+err.Error()), nil, nil))
	if _, err := now.api.PostEphemeralContext(ctx, cb.Channel.ID, cb.User.ID, words); err != nil {
		s.conf.Log.Debug("somebody in Slack is not told", "err", err)
	}
}

// answer finds out what was pressed and by whom, and tells the desk.
func (s *Slack) answer(ctx context.Context, now *session, cb api.InteractionCallback, act *api.BlockAction) (Card, action.Person, error) {
	card, ok := s.pressed(cb, act.Value)
	if !ok {
		return Card{}, action.Person{}, errOldCard
	}
	who, err := s.person(ctx, now, cb)
	if err != nil {
		return card, who, err
	}
	var scope approval.Scope
	switch act.ActionID {
	case actOnce, actDeny:
	case actSpan:
		scope = approval.Scope{Kind: approval.Similar, For: span}
	default:
		return card, who, fmt.Errorf("there is no button %q", act.ActionID)
	}
	_, err = s.conf.Desk.Answer(card.Ask, act.ActionID != actDeny, who, "", scope)
	s.look(card.Ask, time.Time{})
	return card, who, err
}

// pressed gives the card that a button is on: the message must be the one that
// shows the ask, where we know it yet, and the value the one that it was given.
func (s *Slack) pressed(cb api.InteractionCallback, value string) (Card, bool) {
	ask, nonce, _ := strings.Cut(value, " ")
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.cards[ask] {
		here := c.TS == "" || c.ID == cb.Container.ChannelID && c.TS == cb.Container.MessageTs
		if here && subtle.ConstantTimeCompare([]byte(c.Nonce), []byte(nonce)) == 1 {
			return c, true
		}
	}
	return Card{}, false
}

// person gives who pressed, as Slack vouches for them now: a member of this very
// workspace with a confirmed address.
func (s *Slack) person(ctx context.Context, now *session, cb api.InteractionCallback) (action.Person, error) {
	u, err := now.api.GetUserInfoContext(ctx, cb.User.ID)
	if err != nil {
		return action.Person{}, fmt.Errorf("slack does not say who you are: %w", err)
	}
	home := u.TeamID == now.team || now.org != "" && u.Enterprise.EnterpriseID == now.org
	switch {
	case u.ID != cb.User.ID || !home || u.IsStranger:
		return action.Person{}, errors.New("you are no member of this workspace")
	case u.Deleted || u.IsBot || u.IsWorkflowBot || u.IsConnectorBot || u.IsAppUser || u.IsInvitedUser || u.ID == now.user:
		return action.Person{}, errors.New("only people may answer")
	case !u.IsEmailConfirmed || !address(u.Profile.Email):
		return action.Person{}, errors.New("slack has no confirmed e-mail address of you")
	}
	p := action.Person{Name: strings.ToLower(u.Profile.Email), Via: Via}
	if s.conf.Operator != nil {
		p.Name = s.conf.Operator(p.Name)
	}
	if s.conf.Groups != nil {
		p.Groups = s.conf.Groups(p.Name)
	}
	return p, nil
}

// address reports whether s is an address in plain ASCII: letters that fold to
// others must not make somebody else of anyone.
func address(s string) bool {
	user, host, ok := strings.Cut(s, "@")
	if !ok || user == "" || host == "" || strings.Contains(host, "@") {
		return false
	}
	for _, r := range s {
		if r <= ' ' || r > '~' {
			return false
		}
	}
	return true
}
