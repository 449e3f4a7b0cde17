export const board = {
  title: '状況',
} as const
