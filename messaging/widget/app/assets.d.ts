declare module "icon:*" {
  /** The inside of a 24 by 24 stroke icon. */
  const body: string;
  export default body;
}

declare module "*.css";
declare module "shared:tokens";
