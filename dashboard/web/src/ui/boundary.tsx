import { Component, type ReactNode } from 'react'
import { Button } from './kit'

/** Boundary keeps a page that breaks from taking the others with it. */
export class Boundary extends Component<{ children: ReactNode }, { error: Error | null }> {
  state = { error: null as Error | null }

  static getDerivedStateFromError(error: Error) {
    return { error }
  }

  render() {
    if (!this.state.error) return this.props.children
    return (
      <div className="fault" role="alert">
        <div>
          <h1>This page cannot be shown</h1>
          <p>{this.state.error.message}</p>
          <p className="quiet">Everything it shows is also a command. If it happens again, please report it with the words above.</p>
        </div>
        <Button onClick={() => location.reload()}>Load it again</Button>
      </div>
    )
  }
}
