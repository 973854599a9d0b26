import { StreamLanguage, type StreamParser } from '@codemirror/language'

// HCL as far as colours need it.

interface State {
  heredoc: string
  comment: boolean
}

const words = /^(true|false|null|for|in|if|else|endif|endfor)$/

const parser: StreamParser<State> = {
  name: 'hcl',
  startState: () => ({ heredoc: '', comment: false }),
  token(s, state) {
    if (state.heredoc) {
      if (s.sol() && s.string.trim() === state.heredoc) state.heredoc = ''
      s.skipToEnd()
      return 'string'
    }
    if (state.comment) {
      if (s.skipTo('*/')) {
        s.match('*/')
        state.comment = false
      } else s.skipToEnd()
      return 'comment'
    }
    if (s.eatSpace()) return null
    if (s.match('#') || s.match('//')) {
      s.skipToEnd()
      return 'comment'
    }
    if (s.match('/*')) {
      state.comment = true
      return 'comment'
    }
    const heredoc = s.match(/^<<-?(\w+)/) as RegExpMatchArray | null
    if (heredoc) {
      state.heredoc = heredoc[1]!
      return 'string'
    }
    if (s.match(/^"(?:\\.|[^"\\])*"?/)) return 'string'
    if (s.match(/^\d+(?:\.\d+)?/)) return 'number'
    const word = s.match(/^[A-Za-z_][\w-]*/) as RegExpMatchArray | null
    if (word) {
      if (words.test(word[0])) return 'atom'
      const rest = s.string.slice(s.pos)
      if (/^\s*=(?!=)/.test(rest)) return 'propertyName'
      if (/^\s*\(/.test(rest)) return 'variableName.function'
      if (/^\s*("[^"]*"\s*)*\{/.test(rest)) return 'keyword'
      return 'variableName'
    }
    s.next()
    return null
  },
  languageData: { commentTokens: { line: '#' }, closeBrackets: { brackets: ['(', '[', '{', '"'] } },
}

export const hcl = StreamLanguage.define(parser)
