import { admin } from './admin'
import { board } from './board'
import { common } from './common'
import { console_ } from './console'
import { me } from './me'
import { phone } from './phone'
import { record } from './record'
import { signin } from './signin'
import { tickets } from './tickets'
import { words } from './words'

export const ja = { ...common, word: words, signin, console: console_, record, board, tickets, admin, me, phone }
