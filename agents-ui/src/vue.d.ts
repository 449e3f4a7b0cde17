declare module '@digital-go-jp/design-tokens/dist/tokens.css'
